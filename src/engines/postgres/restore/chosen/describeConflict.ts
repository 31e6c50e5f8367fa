import type { ChosenTable, RowConflict } from '../../../../core/chosenRows.ts';
import { formatTableName } from '../../../../core/names.ts';
import { valueText } from '../../../../core/values.ts';

/** A conflict as a sentence without its end: which row, and why. */
export function describeConflict({ kind, row, reason }: RowConflict, { columns, key }: ChosenTable): string {
  const values = row.wanted ?? row.seen ?? [];
  const parts = (key ?? []).map(
    (place) => `${formatTableName({ name: columns[place]! })} = ${valueText(values[place]!) ?? 'NULL'}`,
  );
  const which = parts.length === 0 ? 'A chosen row' : `The row with ${parts.join(', ')}`;
  switch (kind) {
    case 'changed':
      return `${which} has changed since it was chosen`;
    case 'gone':
      return `${which} has been deleted since it was chosen`;
    case 'there':
      return `${which} is there again, with other values`;
    default:
      return `${which} cannot be written: ${reason ?? 'a constraint refuses it'}`;
  }
}
