import { ArchiveWriter } from '../archive/archiveWriter.ts';
import { messageOf, RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { BackedUpTable, Compression, Manifest } from '../core/manifest.ts';
import { formatTableName, nameMatches, tableKey, type TableName, type TablePattern } from '../core/names.ts';
import { objectKey, type DatabaseSchema, type LeftOut, type Sequence } from '../core/schema.ts';
import type { Payload } from '../core/payload.ts';
import type { Session, TableSelection, WorkOptions } from '../engines/engine.ts';
import { version } from '../core/version.ts';
import { chooseObjects } from './chooseObjects.ts';

/** Which tables and rows to take; all when everything is left out. */
export interface BackupSelection {
  /** As a user names them: a name without a schema means every schema's, a pattern every table that it fits. */
  readonly tables?: readonly TablePattern[];
  readonly exclude?: readonly TablePattern[];
  /** Schemas whose tables are taken. */
  readonly schemas?: readonly string[];
  /** Conditions in the database's SQL. */
  readonly where?: readonly { readonly table: TablePattern; readonly condition: string }[];
}

export interface TakeBackupOptions extends WorkOptions {
  readonly selection?: BackupSelection;
  /** The final path; it must not exist yet. */
  readonly file: string;
  readonly compression?: Compression;
  readonly purpose?: Manifest['purpose'];
  /** The id of the connection in the settings. */
  readonly connection?: string;
}

/** What a backup did. */
export interface BackupReport {
  readonly file: string;
  readonly bytes: number;
  readonly tables: readonly BackedUpTable[];
  readonly rows: number;
  readonly milliseconds: number;
  readonly leftOut: readonly LeftOut[];
}

/**
 * Takes a consistent snapshot of the selected tables into one file, which exists only if all went well.
 * Throws `usage` (no such table), `database`, `file`, `cancelled`.
 */
export async function takeBackup(session: Session, options: TakeBackupOptions): Promise<BackupReport> {
  const started = performance.now();
  const { logger, file } = options;
  logger.info(`Backing up ${session.target} to ${file}`);
  try {
    const { manifest, bytes } = await writeBackup(session, options);
    const { tables, leftOut } = manifest;
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    const milliseconds = Math.round(performance.now() - started);
    logger.info(`Backed up ${tables.length} tables, ${rows} rows, ${bytes} bytes in ${milliseconds} ms`);
    return { file, bytes, tables, rows, milliseconds, leftOut };
  } catch (error) {
    logger.error(`The backup failed: ${messageOf(error)}`, error);
    if (!RestorePointError.is(error)) throw error;
    throw error.with({ unchanged: 'No backup file was written.' });
  }
}

async function writeBackup(
  session: Session,
  options: TakeBackupOptions,
): Promise<{ manifest: Manifest; bytes: number }> {
  const { selection = {}, compression = 'zstd' } = options;
  const whole = !selection.tables && !selection.exclude && !selection.schemas && !selection.where;
  options.report?.({ phase: 'snapshot' });
  const snapshot = await session.openSnapshot({ ...options, whole });
  try {
    const chosen = selectTables(snapshot.schema, selection);
    const archive = await ArchiveWriter.create(options.file, { compression });
    try {
      const content = await snapshot.read(chosen, archive, options);
      throwIfCancelled(options.signal);
      options.report?.({ phase: 'publish' });
      const manifest = describeBackup(session, snapshot.schema, whole, content, options);
      return { manifest, bytes: await archive.publish(manifest) };
    } catch (error) {
      await abandon(archive, options);
      throw error;
    }
  } finally {
    await snapshot.close();
  }
}

/** The tables that are meant, each once, in the schema's order. Throws `usage` for a name that no table has. */
export function selectTables(schema: DatabaseSchema, selection: BackupSelection): TableSelection[] {
  const tables = schema.tables.filter((table) => table.holdsRows);
  const names = (wanted: readonly TablePattern[] = []): Set<string> =>
    new Set(
      wanted.flatMap((name) => {
        const found = schema.tables.filter((table) => nameMatches(name, table.name));
        if (found.length === 0) throw noSuchTable(name);
        return found.map((table) => tableKey(table.name));
      }),
    );
  const wanted = selection.tables && names(selection.tables);
  const excluded = names(selection.exclude);
  const conditions = new Map<string, string>();
  for (const { table, condition } of selection.where ?? []) {
    for (const key of names([table])) conditions.set(key, condition);
  }
  for (const name of selection.schemas ?? []) {
    if (!schema.tables.some((table) => table.name.schema === name)) {
      throw new RestorePointError('usage', `There is no table in a schema named ${name}`);
    }
  }
  const chosen = tables.filter(({ name }) => {
    const key = tableKey(name);
    const inSchema = !selection.schemas || selection.schemas.includes(name.schema ?? '');
    return inSchema && !excluded.has(key) && (!wanted || wanted.has(key));
  });
  const left = new Set(chosen.map((table) => tableKey(table.name)));
  for (const key of conditions.keys()) {
    if (!left.has(key))
      throw new RestorePointError('usage', 'A condition names a table that is not backed up');
  }
  return chosen.map((table) => {
    const where = conditions.get(tableKey(table.name));
    return { table, ...(where === undefined ? {} : { where }) };
  });
}

function noSuchTable(name: TableName): RestorePointError {
  return new RestorePointError('usage', `There is no table named ${formatTableName(name)}`, {
    unchanged: 'Nothing was written.',
    next: 'Names are case-sensitive; write schema.table when it is not in the usual schema.',
  });
}

function describeBackup(
  session: Session,
  schema: DatabaseSchema,
  whole: boolean,
  content: { tables: BackedUpTable[]; payloads: Payload[] },
  options: TakeBackupOptions,
): Manifest {
  const taken = new Set(content.tables.map(({ table }) => tableKey(table.name)));
  const objects = whole
    ? schema.objects
    : chooseObjects(
        schema,
        content.tables.map(({ table }) => table.name),
      );
  const keys = new Set(objects.map(objectKey));
  const holds = ({ table, name }: Sequence): boolean =>
    whole || (table ? taken.has(tableKey(table)) : keys.has(`sequence ${formatTableName(name)}`));
  return {
    format: 'restore-point',
    formatVersion: 1,
    createdAt: new Date().toISOString(),
    createdBy: version,
    source: {
      ...session.info,
      ...(options.connection === undefined ? {} : { connection: options.connection }),
    },
    purpose: options.purpose ?? 'backup',
    complete: whole,
    compression: options.compression ?? 'zstd',
    tables: content.tables,
    objects,
    sequences: schema.sequences.filter(holds),
    leftOut: schema.leftOut,
    payloads: content.payloads,
  };
}

async function abandon(archive: ArchiveWriter, { logger }: WorkOptions): Promise<void> {
  try {
    await archive.abandon();
  } catch (second) {
    logger.error('The unfinished backup file could not be removed', second);
  }
}
