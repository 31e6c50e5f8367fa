import { formatTableName, type TableName } from '../core/names.ts';
import { visible } from '../core/visible.ts';

/** A table's name for trees, lists and dialogs. Invisible characters are shown as their code points. */
export function shownName(table: TableName): string {
  return visible(formatTableName(table));
}
