import type { DatabaseAddress } from '../core/connections.ts';
import type { EngineId } from '../core/manifest.ts';
import type { Engine } from './engine.ts';
import { postgresEngine } from './postgres/engine.ts';
import { sqliteEngine } from './sqlite/engine.ts';

/** Every engine there is, in the order in which users are offered them. */
export const engines: readonly Engine[] = [sqliteEngine, postgresEngine];

/** The engine of a manifest or an address. */
export function engineById(id: EngineId): Engine {
  const engine = engines.find((candidate) => candidate.id === id);
  if (!engine) throw new Error(`There is no engine ${id}`);
  return engine;
}

/** Reads what a user writes in place of a connection: undefined when it is no engine's; throws `usage`. */
export function parseDatabaseUrl(text: string): { address: DatabaseAddress; password?: string } | undefined {
  for (const engine of engines) {
    const parsed = engine.parseUrl(text);
    if (parsed) return parsed;
  }
  return undefined;
}
