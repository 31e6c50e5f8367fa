import { RestorePointError } from '../../core/errors.ts';
import type { Value } from '../../core/values.ts';
import { jsonFormat } from '../../export/json.ts';
import type { BackupContents } from './backupContents.ts';
import type { RowForm } from './messages.ts';

/** No clipboard is for more. In characters or bytes of one value. */
const longest = 4 * 1024 * 1024;

/**
 * A row as the exports write it: a JSON object, or an INSERT in the language of the database. Throws `usage` for a value that is
 * too long to be copied whole, else as `readRows`.
 */
export async function copiedRow(
  contents: BackupContents,
  { as, table, row }: { readonly as: RowForm; readonly table: number; readonly row: number },
): Promise<string> {
  const { columns, rows } = await contents.readRows(table, { after: row, limit: 1, longest });
  const [values] = rows;
  const backedUp = contents.manifest.tables[table];
  if (!values || !backedUp) throw new RestorePointError('usage', 'The backup has no such row');
  if (values.some(isCut)) {
    throw new RestorePointError('usage', 'The row has a value that is too long for the clipboard', {
      next: 'Export the table.',
    });
  }
  const { rowText } = contents.engine;
  const text =
    as === 'json'
      ? jsonFormat({ table: backedUp.table, columns }, rowText, { list: false }).rows([values])
      : rowText.insert(backedUp.table, columns, [values]);
  return text.trimEnd();
}

function isCut(value: Value): boolean {
  if (value === null || value.kind === 'boolean') return false;
  return value.kind === 'array' ? value.items.some(isCut) : value.cutFrom !== undefined;
}
