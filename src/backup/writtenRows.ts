import { damaged } from '../archive/damaged.ts';
import { byteLines } from '../core/byteLines.ts';
import { messageOf, RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { Manifest, WrittenTable } from '../core/manifest.ts';
import { formatTableName, tableKey } from '../core/names.ts';
import type { PayloadSource } from '../core/payload.ts';
import { parseRowLineBytes, type NamedValues, type NumberedRow } from '../core/rowLines.ts';

/** A file that was opened: see `Archive`. */
type OpenedFile = PayloadSource & { readonly file: string; readonly manifest: Manifest };

/**
 * The rows that a restore wrote, as pages of bounded size: `first` is a row as it was before, `second` as it was written.
 * Every line is compared with the manifest, and at the end their numbers. Throws `damaged-backup`.
 */
export async function* writtenRowLines(
  archive: OpenedFile,
  signal?: AbortSignal,
): AsyncGenerator<readonly NumberedRow[]> {
  const { file, manifest } = archive;
  const { tables } = manifest.writtenRows!;
  const listed = new Map(tables.map((table) => [tableKey(table.name), table]));
  const counts = new Map<WrittenTable, { inserted: number; updated: number; deleted: number }>();
  for (const table of tables) counts.set(table, { inserted: 0, updated: 0, deleted: 0 });
  const wrong = (what: string): RestorePointError => damaged(file, manifest.writtenRows!.payload, what);
  try {
    for await (const page of byteLines(archive.read(manifest.payloads[0]!, signal))) {
      throwIfCancelled(signal);
      const rows = page.map(({ bytes, number }) => ({ number, row: parseRowLineBytes(bytes, number) }));
      for (const { row, number } of rows) {
        const table = listed.get(tableKey(row.table));
        if (!table)
          throw wrong(`line ${number} is a row of ${formatTableName(row.table)}, which it does not list`);
        if (![row.first, row.second].every((values) => fits(table, values)))
          throw wrong(`line ${number} has other columns than its manifest lists`);
        const count = counts.get(table)!;
        if (row.kind === 'changed') count.updated++;
        else if (row.kind === 'onlyInFirst') count.deleted++;
        else count.inserted++;
      }
      yield rows;
    }
  } catch (error) {
    if (RestorePointError.is(error, 'usage')) throw wrong(messageOf(error));
    throw error;
  }
  for (const [{ name, inserted, updated, deleted }, found] of counts) {
    const same = found.inserted === inserted && found.updated === updated && found.deleted === deleted;
    if (!same) throw wrong(`its rows of ${formatTableName(name)} are others than its manifest counts`);
  }
}

function fits({ columns }: WrittenTable, values: NamedValues | undefined): boolean {
  if (!values) return true;
  return values.size === columns.length && columns.every((column) => values.has(column));
}
