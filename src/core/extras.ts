import type { Message } from './localizable.ts';

/**
 * The things that an engine keeps besides tables and statements, as JSON of its own shape: in a backup, of a database, for
 * a plan. Other code only passes them on.
 */
export type EngineExtras = Readonly<Record<string, unknown>>;

/** The part of a plan that restores a backup's extras. */
export interface ExtrasPlan {
  /** The present ones change, so a safety backup must contain them. */
  readonly overwrites: boolean;
  /** For people, before they say yes. */
  readonly description: Message;
  readonly own: EngineExtras;
}
