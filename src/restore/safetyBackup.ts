import type { Archive } from '../archive/archiveReader.ts';
import type { Encryption, Keys, Lock } from '../archive/encryption/keys.ts';
import { newBackupFile } from '../backup/backupFiles.ts';
import type { MadeHere } from '../backup/madeHere.ts';
import { refuseUnreadable } from '../backup/refuseUnreadable.ts';
import { type BackupSelection, takeBackup } from '../backup/takeBackup.ts';
import { RestorePointError } from '../core/errors.ts';
import { tableKey } from '../core/names.ts';
import { makePrivateFolder } from '../core/ownFiles.ts';
import type { RestorePlan } from '../core/plan.ts';
import { type DatabaseSchema, isCarried } from '../core/schema.ts';
import type { Session, WorkOptions } from '../engines/engine.ts';
import { changedOpaque } from './planOpaque.ts';

export interface SafetyOptions extends WorkOptions {
  /** A rehearsal: the whole restore, then a rollback. */
  readonly dryRun?: boolean;
  /** The folder for the safety backup; without it, none is taken. */
  readonly safetyFolder?: string;
  /** How to encrypt the safety backup; by default like the backup. */
  readonly safetyLock?: Lock;
  /** For an encrypted backup. */
  readonly keys?: Keys;
  /** The id of the connection in the settings, for the safety backup's manifest. */
  readonly connection?: string;
  /** Knows whether this machine made the backup, and learns that it made the safety backup. */
  readonly madeHere?: MadeHere;
}

/** A plan, and the schema of the database that it was made for. */
export interface Planned {
  readonly plan: RestorePlan;
  readonly schema: DatabaseSchema;
}

/** Whether a restore with these options takes one. */
export function wantsSafetyBackup<Options extends Pick<SafetyOptions, 'dryRun' | 'safetyFolder'>>(
  options: Options,
): options is Options & { readonly safetyFolder: string } {
  return !options.dryRun && options.safetyFolder !== undefined;
}

/** Throws `refused` where the safety backup could not read what it has to keep: before anybody is asked. */
export function refuseUnsafe(planned: Planned): void {
  const selection = safetySelection(planned);
  if (!selection || planned.plan.only === 'schema') return;
  const { tables } = planned.schema;
  const chosen = new Set(
    selection.tables?.map(({ schema, name }) => tableKey({ ...(schema ? { schema } : {}), name })),
  );
  try {
    refuseUnreadable(
      planned.schema,
      tables
        .filter(({ name }) => !selection.tables || chosen.has(tableKey(name)))
        .map((table) => ({ table })),
    );
  } catch (error) {
    throw safetyFailure(error);
  }
}

export function safetyFailure(error: unknown): unknown {
  if (!RestorePointError.is(error)) return error;
  return new RestorePointError(error.code, `The safety backup failed: ${error.message}`, {
    ...error.details,
    unchanged: 'Nothing was changed.',
    next:
      error.details.next ??
      'To restore without one, add --no-safety-backup, or turn off the setting restorePoint.safetyBackups.',
    cause: error,
  });
}

/** Resolves to the file; undefined where none is wanted or there is nothing to keep. */
export async function takeSafetyBackup(
  session: Session,
  planned: Planned,
  { encryption }: Archive,
  options: SafetyOptions,
): Promise<string | undefined> {
  if (!wantsSafetyBackup(options)) return undefined;
  const selection = safetySelection(planned);
  if (!selection) return undefined;
  try {
    const place = await newSafetyFile(session, encryption, options);
    const { file } = await takeBackup(session, { ...options, selection, ...place, purpose: 'safety' });
    return file;
  } catch (error) {
    throw safetyFailure(error);
  }
}

/** Where a safety backup goes, and what it is encrypted to. */
export async function newSafetyFile(
  session: Session,
  encryption: Encryption | undefined,
  options: Pick<SafetyOptions, 'safetyLock' | 'keys'> & { readonly safetyFolder: string },
): Promise<Awaited<ReturnType<typeof newBackupFile>> & { readonly lock?: Lock }> {
  // If backups of this database are encrypted, there must be no plain one beside them.
  const lock = options.safetyLock ?? (encryption && (await options.keys?.lockLike(encryption)));
  await makePrivateFolder(options.safetyFolder);
  const name = `before-restore-${session.info.database}`;
  const place = await newBackupFile(options.safetyFolder, name, { encrypted: lock !== undefined });
  return { ...place, ...(lock ? { lock } : {}) };
}

/**
 * The tables that will be written; the whole database where no table of it stays as it is, because only a whole backup
 * holds what belongs to no table. Undefined when there is nothing to keep.
 */
export function safetySelection({ plan, schema }: Planned): BackupSelection | undefined {
  const existing = plan.tables.filter((table) => !table.create).map((table) => table.target);
  const written = new Set(existing.map(tableKey));
  const opaque = changedOpaque(schema, plan.opaque ?? [], written);
  if (plan.whole && plan.mode === 'replace') {
    const all = new Set([...existing, ...opaque].map(tableKey));
    const allWritten = schema.tables.every((table) => !isCarried(table) || all.has(tableKey(table.name)));
    if (allWritten && schema.objects.length > 0) return {};
  }
  const overwritten = plan.extras?.overwrites === true;
  // Sequences of tables come with the tables.
  const free = new Set(schema.sequences.flatMap(({ name, table }) => (table ? [] : [tableKey(name)])));
  const sequences = plan.sequences.map(({ name }) => name).filter((name) => free.has(tableKey(name)));
  if (existing.length + opaque.length + sequences.length === 0 && !overwritten) return undefined;
  return {
    tables: [...existing, ...opaque],
    ...(overwritten ? { extras: true } : {}),
    ...(sequences.length > 0 ? { sequences } : {}),
  };
}
