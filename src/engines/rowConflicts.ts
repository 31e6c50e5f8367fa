import type { ChosenTable, RowConflict } from '../core/chosenRows.ts';
import { RestorePointError } from '../core/errors.ts';
import { formatTableName } from '../core/names.ts';
import { type Row, valueText } from '../core/values.ts';

/** The error of a restore that stops at a conflict, with the row by its key. */
export function conflictError(
  { kind, row, reason }: RowConflict,
  { table, columns, key }: ChosenTable,
): RestorePointError {
  const values: Row = row.seen ?? row.wanted ?? [];
  const named = key?.map((place) => `${columns[place]} = ${valueText(values[place] ?? null) ?? 'NULL'}`);
  const which = named ? ` with ${named.join(', ')}` : '';
  const messages = {
    changed: `The row${which} has changed since it was chosen`,
    gone: `The row${which} is gone since it was chosen`,
    there: `There is a row${which} again, with other values`,
    constraint: `The row${which} cannot be written: ${reason}`,
    'foreign-key': `The row${which} cannot be written: ${reason}`,
  };
  return new RestorePointError('database', messages[kind], {
    place: { table: formatTableName(table.name) },
    next: 'Compare again and choose the rows anew, or skip rows with conflicts.',
  });
}
