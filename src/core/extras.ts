import type { LocalizableText, Message } from './localizable.ts';
import type { Manifest } from './manifest.ts';
import type { RestoreMode } from './plan.ts';
import type { DatabaseSchema } from './schema.ts';

/**
 * What an engine keeps besides tables and statements, as JSON of its own shape: in a backup, of a database, for a plan.
 * Others carry it, and only the engine looks into it.
 */
export type EngineExtras = Readonly<Record<string, unknown>>;

/** What a restore does with a backup's extras. */
export interface ExtrasPlan {
  /** What is there now changes: a safety backup has to hold it. */
  readonly overwrites: boolean;
  /** For people, before they say yes. */
  readonly description: Message;
  readonly own: EngineExtras;
}

export interface PlannedExtras {
  readonly plan?: ExtrasPlan;
  readonly warnings: readonly string[];
}

/** What common code asks an engine about its extras. None of it reads or writes anything. */
export interface ExtrasRules {
  /** What they are called: `large objects`. */
  readonly name: LocalizableText;
  /** How many a backup holds. */
  countOf(extras: EngineExtras): number;
  /** How many a database has that can be read. */
  countIn(schema: DatabaseSchema): number;
  /** Why a backup of a part of a database does not hold them. */
  readonly leftOutReason: string;
  plan(manifest: Manifest, schema: DatabaseSchema, mode: RestoreMode): PlannedExtras;
}
