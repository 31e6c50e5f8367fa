/**
 * Quotes a name. Backticks, because SQLite takes a double-quoted name that matches no column for a string,
 * and a restore would then write the column's name into every row.
 */
export function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A table in one of the connection's databases: `main`, or one that is attached. */
export function quoteTable(schema: string, table: string): string {
  return `${quote(schema)}.${quote(table)}`;
}

/** SQLite folds the letters A to Z, and no others. */
export function foldName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

export function sameName(a: string, b: string): boolean {
  if (a === b) return true;
  // Nearly all are unlike, and this finds it out much sooner.
  if (a.length !== b.length || a.toLowerCase() !== b.toLowerCase()) return false;
  return foldName(a) === foldName(b);
}

/** A string literal, for the few places that take no binding. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The name by which a table's rowid can be reached: none when its columns have taken all three. */
export function freeRowidName(columns: readonly string[]): string | undefined {
  const taken = new Set(columns.map(foldName));
  return ['rowid', '_rowid_', 'oid'].find((name) => !taken.has(name));
}
