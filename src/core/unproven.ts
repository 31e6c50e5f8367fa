import { formatTableName, type TableName } from './names.ts';

/** An index or a table that needs something which only the program that uses the database registers. */
export interface Unproven {
  readonly table: TableName;
  /** Absent where the table itself needs it. */
  readonly index?: string;
  /** For people: `the collation unicase`. */
  readonly missing: string;
}

/** For people: `the index decks_name of decks needs the collation unicase`. */
export function describeUnproven({ table, index, missing }: Unproven): string {
  const name = formatTableName(table);
  return `${index === undefined ? `the table ${name}` : `the index ${index} of ${name}`} needs ${missing}`;
}

/** Notes about the contents of a backup, as sentences. */
export function contentNotes({
  asItIs = false,
  unproven = [],
}: {
  readonly asItIs?: boolean;
  readonly unproven?: readonly Unproven[];
}): string[] {
  return [
    ...(asItIs
      ? ['The database file was copied as it is, with its free pages: the backup may contain deleted rows']
      : []),
    ...unproven.map(
      (one) =>
        `Not checked: ${describeUnproven(one)}, which only the program that uses the database provides`,
    ),
  ];
}
