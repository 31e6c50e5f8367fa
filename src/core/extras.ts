import type { Message } from './localizable.ts';

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
