import type { WorkOptions } from '../../engine.ts';
import { Connection } from '../connect/connection.ts';
import { inWords } from '../connect/errors.ts';
import { foldName } from '../connect/identifiers.ts';
import { readSettings } from '../payload/payloadDatabase.ts';
import { distrust, openUntrusted } from '../payload/untrusted.ts';
import { introspect } from '../schema/introspect.ts';
import { readObjects, type WrittenObject } from '../schema/schemaRows.ts';
import { PartialCopy } from '../snapshot/partialCopy.ts';

/**
 * Makes a database file one that can take the place of a live one: what the live one has besides is copied into it, as it is.
 * False where it cannot be one: text is stored otherwise, pages are of another size, something by the same name is another
 * thing in the live database, or cannot be copied because only the application registers what it needs.
 */
export async function keepOthers(live: string, file: string, options: WorkOptions): Promise<boolean> {
  const [before, found] = [await describe(live, options), await describe(file, options)];
  if (before.stored !== found.stored) return false;
  const others = [...before.objects].filter(([key]) => !found.objects.has(key)).map(([, object]) => object);
  const isKept = (objects: ReadonlyMap<string, WrittenObject>): boolean =>
    [...before.objects].every(([key, { sql }]) => (objects.get(key)?.sql ?? sql) === sql);
  if (!isKept(found.objects)) return false;
  if (others.length === 0) return true;
  await copyTables(live, file, others, options);
  await makeOthers(file, others, before.numbers, options);
  const { objects } = await describe(file, options);
  return isKept(objects) && [...before.objects.keys()].every((key) => objects.has(key));
}

/** With their rows and indexes. */
async function copyTables(
  live: string,
  file: string,
  others: readonly WrittenObject[],
  options: WorkOptions,
): Promise<void> {
  const copy = await PartialCopy.begin(live, file, options.signal);
  try {
    const schema = await introspect(copy.connection, 'main', options.signal);
    const isOther = (table: string): boolean =>
      others.some(({ type, name }) => type === 'table' && name === table);
    const selection = schema.tables.filter(({ name }) => isOther(name.name)).map((table) => ({ table }));
    await copy.take(selection, schema, options);
  } finally {
    await copy.close(options.logger);
  }
}

/** Indexes of tables that both have, views and triggers, and the numbers by which programs know the live database. */
async function makeOthers(
  file: string,
  others: readonly WrittenObject[],
  [userVersion, applicationId]: readonly number[],
  { signal, logger }: WorkOptions,
): Promise<void> {
  const isCopied = (table: string): boolean =>
    others.some(({ type, name }) => type === 'table' && foldName(name) === foldName(table));
  const connection = await Connection.open(file, 'write');
  try {
    await distrust(connection);
    for (const { type, tableName, sql } of others) {
      if (type === 'table' || (type === 'index' && isCopied(tableName))) continue;
      await inWords('database', { table: tableName }, () => connection.run(sql, [], signal));
    }
    await connection.all(`PRAGMA main.user_version = ${userVersion}`);
    await connection.all(`PRAGMA main.application_id = ${applicationId}`);
  } finally {
    await connection.closeQuietly(logger);
  }
}

/** Objects are by kind and folded name. Automatic indexes and SQLite's own tables have no statement, or are nobody's. */
async function describe(
  file: string,
  { logger }: WorkOptions,
): Promise<{
  readonly stored: string;
  readonly numbers: readonly number[];
  readonly objects: ReadonlyMap<string, WrittenObject>;
}> {
  const connection = await openUntrusted(file, 'write');
  try {
    const { encoding, pageSize, autoVacuum, userVersion, applicationId } = await readSettings(connection);
    const all = await readObjects(connection, 'main', ['table', 'index', 'view', 'trigger']);
    const rows = all.filter(({ name }) => !name.startsWith('sqlite_'));
    return {
      stored: JSON.stringify([encoding, pageSize, autoVacuum]),
      numbers: [userVersion, applicationId],
      objects: new Map(rows.map((row) => [`${row.type} ${foldName(row.name)}`, row])),
    };
  } finally {
    await connection.closeQuietly(logger);
  }
}
