import { formatTableName, type TableName } from '../core/names.ts';
import { visible } from '../core/visible.ts';

/** A table's name for trees, lists and dialogs, which show text as it is: what could not be seen in it is named. */
export function shownName(table: TableName): string {
  return visible(formatTableName(table));
}
