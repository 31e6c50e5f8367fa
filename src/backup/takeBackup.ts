import { type WriteArchiveOptions, type WrittenArchive, writeArchive } from '../archive/writeArchive.ts';
import { encryptionBy, type Encryption, type Lock } from '../archive/encryption/keys.ts';
import { messageOf, RestorePointError, throwIfCancelled } from '../core/errors.ts';
import type { BackedUpTable, BackupPart, Compression, Manifest } from '../core/manifest.ts';
import { formatTableName, tableKey, type TableName } from '../core/names.ts';
import { describeReasons } from '../core/related.ts';
import {
  objectKey,
  type DatabaseSchema,
  type LeftOut,
  type SchemaObject,
  type Sequence,
} from '../core/schema.ts';
import { contentNotes } from '../core/unproven.ts';
import type { Session, SnapshotContent, WorkOptions } from '../engines/engine.ts';
import { version } from '../core/version.ts';
import type { MadeHere } from './madeHere.ts';
import { chooseObjects } from './chooseObjects.ts';
import { chooseRows, withReasons } from './chooseRows.ts';
import { type BackupLabel, checkedLabel } from '../core/backupLabel.ts';
import { excludedNotes, withoutExcluded } from './excludedRows.ts';
import { refuseUnreadable } from './refuseUnreadable.ts';
import { type BackupSelection, selectionScope } from './selectTables.ts';

export type { BackupSelection } from './selectTables.ts';

export interface TakeBackupOptions extends WorkOptions {
  readonly selection?: BackupSelection;
  /** The final path; it must not exist yet. */
  readonly file: string;
  /** Returns another path if the first one has been taken in the meantime; without it, that is an error. */
  readonly anotherFile?: () => Promise<string>;
  readonly compression?: Compression;
  /** The keys to encrypt it to; without it, the backup is not encrypted. */
  readonly lock?: Lock;
  readonly purpose?: Manifest['purpose'];
  /** What the user calls it. */
  readonly label?: BackupLabel;
  /** The id of the connection in the settings. */
  readonly connection?: string;
  /** Learns that this machine made it. */
  readonly madeHere?: MadeHere;
}

/** The result of a backup. */
export interface BackupReport {
  readonly file: string;
  readonly bytes: number;
  readonly tables: readonly BackedUpTable[];
  /** Tables that were taken as a whole, without counting rows. */
  readonly opaque: readonly TableName[];
  readonly rows: number;
  readonly milliseconds: number;
  readonly leftOut: readonly LeftOut[];
  /** Notes about the contents, as sentences. */
  readonly notes: readonly string[];
  /** How the file is encrypted, if it is. */
  readonly encryption?: Encryption;
}

/**
 * Takes a consistent snapshot of the selected tables into one file, which exists only if all went well.
 * Throws `usage` (no such table, no recipient), `database`, `file`, `cancelled`.
 */
export async function takeBackup(session: Session, options: TakeBackupOptions): Promise<BackupReport> {
  const started = performance.now();
  const { logger } = options;
  logger.info(`Backing up ${session.target} to ${options.file}`);
  try {
    const { manifest, bytes, file } = await writeBackup(session, options);
    const { tables, leftOut } = manifest;
    const opaque = manifest.objects.flatMap((object) =>
      object.opaque && object.table ? [object.table] : [],
    );
    for (const { table, rows: count, related } of tables) {
      if (related)
        logger.info(`  ${formatTableName(table.name)}: ${count} rows, ${describeReasons(related)}`);
    }
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    const milliseconds = Math.round(performance.now() - started);
    logger.info(`Backed up ${tables.length} tables, ${rows} rows, ${bytes} bytes in ${milliseconds} ms`);
    const encryption = options.lock ? { encryption: encryptionBy(options.lock) } : {};
    const notes = [...contentNotes(manifest), ...excludedNotes(manifest.tables)];
    return { file, bytes, tables, opaque, rows, milliseconds, leftOut, notes, ...encryption };
  } catch (error) {
    logger.error(`The backup failed: ${messageOf(error)}`, error);
    if (!RestorePointError.is(error)) throw error;
    throw error.with({ unchanged: 'No backup file was written.' });
  }
}

async function writeBackup(session: Session, options: TakeBackupOptions): Promise<WrittenArchive> {
  const { selection = {} } = options;
  const { only } = selection;
  const whole = !selection.tables && !selection.exclude && !selection.schemas && !selection.where;
  options.report?.({ phase: 'snapshot' });
  const scope = selectionScope(selection);
  const snapshot = await session.openSnapshot({
    ...options,
    whole: whole && !only && !selection.excludeRows,
    ...(scope ? { scope } : {}),
  });
  let closing: Promise<void> | undefined;
  try {
    const chosen = chooseRows(snapshot.schema, selection);
    const { tables, related } = chosen;
    if (only !== 'schema') refuseUnreadable(snapshot.schema, tables);
    const written = await writeArchive(options.file, archiveOptions(options), async (sink) => {
      const read = await snapshot.read(tables, sink, {
        ...options,
        extras: only !== 'schema' && (whole || selection.extras === true),
        ...(related && only !== 'schema' ? { related } : {}),
      });
      throwIfCancelled(options.signal);
      options.report?.({ phase: 'publish' });
      // Waited for below: what was temporary is removed meanwhile.
      closing = snapshot.close();
      const content = {
        ...read,
        tables: withoutExcluded(withReasons(read.tables, chosen), chosen.tables, only),
      };
      return describeBackup(session, snapshot.schema, whole, content, options);
    });
    await options.madeHere?.add(written.fingerprint);
    return written;
  } finally {
    await (closing ?? snapshot.close());
  }
}

function archiveOptions(options: TakeBackupOptions): WriteArchiveOptions {
  const { compression = 'zstd', lock, anotherFile, logger } = options;
  return {
    compression,
    ...(lock ? { lock } : {}),
    ...(anotherFile ? { another: anotherFile } : {}),
    logger,
  };
}

function describeBackup(
  session: Session,
  schema: DatabaseSchema,
  whole: boolean,
  content: SnapshotContent,
  options: TakeBackupOptions,
): Manifest {
  const only = options.selection?.only;
  const taken = new Set(content.tables.map(({ table }) => tableKey(table.name)));
  const all = whole
    ? schema.objects
    : chooseObjects(schema, [...content.tables.map(({ table }) => table.name), ...(content.opaque ?? [])]);
  const objects = objectsOf(all, only);
  const keys = new Set(all.map(objectKey));
  const sequences = new Set(options.selection?.sequences?.map(tableKey));
  const rowless = content.tables.filter(({ rowsExcluded }) => rowsExcluded).map(({ table }) => table.name);
  const emptied = new Set(rowless.map(tableKey));
  const partly = whole && (only !== undefined || rowless.length > 0);
  const holds = ({ table, name }: Sequence): boolean =>
    !(table && emptied.has(tableKey(table))) &&
    (whole ||
      (table
        ? taken.has(tableKey(table))
        : keys.has(`sequence ${formatTableName(name)}`) || sequences.has(tableKey(name))));
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
    ...checkedLabel(options.label ?? {}),
    complete: whole && !partly,
    ...(only ? { only } : {}),
    ...(partly && only !== 'data' ? { allObjects: true } : {}),
    compression: options.compression ?? 'zstd',
    tables: content.tables,
    objects,
    sequences: only === 'schema' ? [] : content.sequences.filter(holds),
    leftOut: [
      ...schema.leftOut,
      ...(rowless.length > 0
        ? [{ kind: 'rows', names: rowless.map(formatTableName), reason: 'they were excluded' }]
        : []),
      ...(only === 'schema' ? [] : extrasLeftOut(session, schema, content)),
      ...(only ? opaqueLeftOut(all) : []),
    ],
    ...(content.extras ? { extras: content.extras } : {}),
    ...(content.asItIs ? { asItIs: true } : {}),
    ...(content.unproven ? { unproven: content.unproven } : {}),
    payloads: content.payloads,
  };
}

/** Objects that contain data are not part of a schema, but belong to rows that come without one. */
function objectsOf(all: readonly SchemaObject[], only: BackupPart | undefined): readonly SchemaObject[] {
  if (!only) return all;
  return all.filter(({ repeat, opaque }) => !opaque && (only === 'schema' ? !repeat : repeat));
}

/** Kinds whose definition is also their content. */
function opaqueLeftOut(objects: readonly SchemaObject[]): LeftOut[] {
  const kinds = Map.groupBy(
    objects.filter(({ opaque }) => opaque),
    ({ kind }) => kind,
  );
  const reason = 'its schema cannot be separated from its rows';
  return [...kinds].map(([kind, found]) => ({ kind, names: found.map(({ name }) => name), reason }));
}

function extrasLeftOut({ extras }: Session, schema: DatabaseSchema, content: SnapshotContent): LeftOut[] {
  const count = extras?.countIn(schema) ?? 0;
  if (!extras || count === 0 || content.extras) return [];
  return [{ kind: extras.name, names: [`all ${count}`], reason: extras.leftOutReason }];
}
