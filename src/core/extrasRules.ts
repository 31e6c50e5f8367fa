import type { EngineExtras, ExtrasPlan } from './extras.ts';
import type { LocalizableText } from './localizable.ts';
import type { Manifest } from './manifest.ts';
import type { RestoreMode } from './plan.ts';
import type { DatabaseSchema } from './schema.ts';

export interface PlannedExtras {
  readonly plan?: ExtrasPlan;
  readonly warnings: readonly string[];
}

/** Common code asks an engine these questions about its extras. None of them reads or writes anything. */
export interface ExtrasRules {
  /** Their name: `large objects`. */
  readonly name: LocalizableText;
  /** How many a backup holds. */
  countOf(extras: EngineExtras): number;
  /** How many a database has that can be read. */
  countIn(schema: DatabaseSchema): number;
  /** Why a backup of a part of a database does not hold them. */
  readonly leftOutReason: string;
  plan(manifest: Manifest, schema: DatabaseSchema, mode: RestoreMode): PlannedExtras;
}
