import type { Keys } from '../../archive/encryption/keys.ts';
import type { Manifest } from '../../core/manifest.ts';

/** A row that is shown in the contents of a backup. */
export interface ShownRow {
  readonly file: string;
  readonly manifest: Manifest;
  readonly keys?: Keys;
  /** The table's place in the manifest, and the row's place in the table. */
  readonly table: number;
  readonly row: number;
}
