import {
  type CancellationToken,
  createMessageConnection,
  ErrorCodes,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
  type NotificationType,
  type RequestType,
  ResponseError,
} from 'vscode-jsonrpc/node';
import { Archive } from '../archive/archiveReader.ts';
import { Keys } from '../archive/encryption/keys.ts';
import { ArrangedBackup } from '../backup/arrangedBackup.ts';
import { newBackupFile } from '../backup/backupFiles.ts';
import { MadeHere } from '../backup/madeHere.ts';
import { ProofDatabases, Proofs } from '../backup/proofs.ts';
import { stateFolder } from '../backup/stateFolder.ts';
import { salvageBackup } from '../backup/salvageBackup.ts';
import { type BackupReport, takeBackup } from '../backup/takeBackup.ts';
import { verifyBackup } from '../backup/verifyBackup.ts';
import { type CountedTable, countDifferences } from '../compare/countDifferences.ts';
import { compareRow } from '../compare/compareRow.ts';
import { compareWritten } from '../restore/chosenRows/compareWritten.ts';
import { compareSides, type Side } from '../compare/compareSides.ts';
import { DifferenceStore } from '../compare/differenceStore.ts';
import { cancelled, messageOf, throwIfCancelled } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { ConnectOptions, Session, WorkOptions } from '../engines/engine.ts';
import { engineById } from '../engines/registry.ts';
import { useSession } from '../engines/useSession.ts';
import { writeExportFile } from '../export/exportRows.ts';
import { exportBackedUpTable, exportLiveTable, type ExportReport } from '../export/exportTable.ts';
import { inNewDatabase } from '../restore/newDatabase.ts';
import {
  countRelated,
  type RelatedCounts,
  restoreRows,
  type RowsSource,
} from '../restore/chosenRows/restoreRows.ts';
import type { RowsReport } from '../restore/chosenRows/rowsReport.ts';
import { type ProofReport, proveBackup } from '../restore/proveBackup.ts';
import { restoreBackup, type RestoreReport } from '../restore/restoreBackup.ts';
import { type ScheduledBackupReport, takeScheduledBackup } from '../schedule/takeScheduledBackup.ts';
import { fewerEvents } from './fewerEvents.ts';
import { errorOf, type PlainError, plainOf } from './plainErrors.ts';
import * as protocol from './protocol.ts';

/**
 * Does what the process asks that has started this one. When that one is gone, what is under way is cancelled, and this
 * one ends as soon as it has cleaned up.
 */
export function serve(): void {
  const connection = createMessageConnection(new IPCMessageReader(process), new IPCMessageWriter(process));
  const abandoned = new AbortController();
  const abandon = (): void => abandoned.abort();
  process.once('disconnect', abandon).on('SIGINT', abandon).on('SIGTERM', abandon);
  const handle: Handle = (type, work) => {
    connection.onRequest(type.method, async (task: Parameters<typeof work>[0], token: CancellationToken) => {
      const unwanted = new AbortController();
      token.onCancellationRequested(() => unwanted.abort());
      const signal = AbortSignal.any([unwanted.signal, abandoned.signal]);
      const { report, flush } = fewerEvents((event) => notify(connection, protocol.progress, event));
      try {
        return await work(task, { signal, report, logger: loggerTo(connection) });
      } catch (error) {
        return new ResponseError(ErrorCodes.InternalError, messageOf(error), plainOf(error));
      } finally {
        flush();
      }
    });
  };
  handle(protocol.backUp, backUp);
  handle(protocol.scheduledBackUp, scheduledBackUp);
  handle(protocol.restore, (task, options) => restore(task, options, questionsTo(connection, options)));
  handle(protocol.countDifferences, count);
  handle(protocol.restoreIntoNew, (task, options) =>
    restoreIntoNew(task, options, questionsTo(connection, options)),
  );
  handle(protocol.exportTable, exportTable);
  handle(protocol.verify, ({ file, keys }, options) =>
    verifyBackup(file, engineById, { ...options, ...keysOf(keys) }),
  );
  handle(protocol.prove, (task, options) => prove(task, options, questionsTo(connection, options)));
  handle(protocol.salvage, ({ file, out, keys }, options) => {
    const madeHere = new MadeHere(stateFolder(), options.logger);
    return salvageBackup(file, engineById, { ...options, out, madeHere, ...keysOf(keys) });
  });
  serveComparison(handle);
  serveArrangedRows(handle);
  connection.listen();
}

type Handle = <Task, Report>(
  type: RequestType<Task, Report, PlainError>,
  work: (task: Task, options: WorkOptions) => Promise<Report>,
) => void;

/** One comparison, whose differences are kept until this process ends. */
function serveComparison(handle: Handle): void {
  let store: DifferenceStore | undefined;
  process.once('exit', () => void store?.close());
  handle(protocol.compare, async (task, options) => {
    store = await compare(task, options);
    return store.comparison;
  });
  handle(protocol.compareRow, async ({ database, keys, ...row }, options) => {
    const open = { ...options, readOnly: true, unchanged: 'Nothing was changed.' };
    store = await inDatabase(database, open, (session) =>
      DifferenceStore.fill(compareRow({ ...row, ...keysOf(keys) }, session, engineById, options)),
    );
    return store.comparison;
  });
  handle(protocol.compareWritten, async ({ file, keys }, options) => {
    store = await DifferenceStore.fill(compareWritten(file, keysOf(keys).keys, engineById, options));
    return store.comparison;
  });
  handle(protocol.readDifferences, (query, { signal }) => store!.read(query, signal));
  handle(protocol.checkDifferences, (choice, { signal }) => store!.check(choice, signal));
  handle(protocol.restoreRows, (task, options) => takeRows(task, options, store));
  handle(protocol.countRelated, (task, options) => related(task, options, store!));
  handle(protocol.readDifferingValue, async ({ longest, ...place }) => {
    const cell = await store!.value(place, place, longest);
    return cell === undefined ? null : { cell };
  });
}

/** One backup, which is open until this process ends. */
function serveArrangedRows(handle: Handle): void {
  let backup: ArrangedBackup | undefined;
  process.once('disconnect', () => void backup?.close());
  handle(protocol.openRows, async ({ file, size, keys }, options) => {
    backup = await ArrangedBackup.open(file, engineById, { ...options, size, ...keysOf(keys) });
    return null;
  });
  handle(protocol.arrangeRows, ({ table, ...arrangement }, options) =>
    backup!.arrange(table, arrangement, options),
  );
  handle(protocol.readArranged, (page, options) => backup!.page(page, options));
  handle(protocol.findRows, (search, options) => backup!.find(search, options));
  handle(
    protocol.nearFound,
    async ({ place, backwards }, options) => (await backup!.near(place, backwards, options)) ?? null,
  );
}

function backUp(task: protocol.BackupTask, options: WorkOptions): Promise<BackupReport> {
  const { database, place, lock, ...rest } = task;
  const encrypted = lock !== undefined;
  return inDatabase(database, { ...options, readOnly: true }, async (session) => {
    const file =
      'file' in place ? place : await newBackupFile(place.folder, session.info.database, { encrypted });
    const madeHere = new MadeHere(stateFolder(), options.logger);
    return await takeBackup(session, { ...options, ...rest, ...file, ...(lock ? { lock } : {}), madeHere });
  });
}

function scheduledBackUp(
  { database, folder, keys, keep: policy, ...task }: protocol.ScheduledBackupTask,
  options: WorkOptions,
): Promise<ScheduledBackupReport> {
  return inDatabase(database, { ...options, readOnly: true }, (session) =>
    takeScheduledBackup(session, {
      ...options,
      ...task,
      ...keysOf(keys),
      ...(policy ? { keep: { folder, policy } } : {}),
      newFile: () => newBackupFile(folder, session.info.database, { encrypted: task.lock !== undefined }),
      madeHere: new MadeHere(stateFolder(), options.logger),
      engines: engineById,
    }),
  );
}

function count(
  { database, file, keys, ...task }: protocol.CountTask,
  options: WorkOptions,
): Promise<readonly CountedTable[]> {
  const madeHere = new MadeHere(stateFolder(), options.logger);
  return inDatabase(database, { ...options, readOnly: true }, (session) =>
    countDifferences(
      { kind: 'backup', file, ...keysOf(keys) },
      { kind: 'database', session },
      {
        ...options,
        ...task,
        engines: engineById,
        madeHere: (fingerprint) => madeHere.has(fingerprint),
      },
    ),
  );
}

function restore(
  task: Omit<protocol.RestoreTask, 'connection'> & { readonly connection?: string },
  options: WorkOptions,
  questions: protocol.RestoreQuestions,
): Promise<RestoreReport> {
  const { database, file, keys, ...rest } = task;
  const { features } = engineById(database.address.engine);
  const open = { ...options, readOnly: false, create: features.createsDatabase };
  return inDatabase(database, open, async (session) => {
    const madeHere = new MadeHere(stateFolder(), options.logger);
    return await restoreBackup(file, session, engineById, {
      ...options,
      ...rest,
      ...keysOf(keys),
      madeHere,
      mayRun: async (code, fingerprint) =>
        (await madeHere.has(fingerprint)) || (await questions.mayRun(code, fingerprint)),
      confirm: questions.confirm,
    });
  });
}

async function prove(
  { file, keys, ...task }: protocol.ProveTask,
  options: WorkOptions,
  { mayRun }: protocol.RestoreQuestions,
): Promise<ProofReport> {
  const madeHere = new MadeHere(stateFolder(), options.logger);
  const report = await proveBackup(file, {
    ...options,
    ...task,
    ...keysOf(keys),
    engines: engineById,
    madeHere,
    mayRun,
    names: new ProofDatabases(stateFolder(), options.logger),
  });
  await new Proofs(stateFolder(), options.logger).add(report.fingerprints, report.proved);
  return report;
}

function compare(
  { first, second, tables }: protocol.CompareTask,
  options: WorkOptions,
): Promise<DifferenceStore> {
  const madeHere = new MadeHere(stateFolder(), options.logger);
  return withSide(first, options, (one) =>
    withSide(second, options, (other) =>
      DifferenceStore.fill(
        compareSides(one, other, {
          ...options,
          engines: engineById,
          madeHere: (fingerprint) => madeHere.has(fingerprint),
          rows: Infinity,
          ...(tables ? { tables } : {}),
        }),
      ),
    ),
  );
}

function takeRows(
  { database, file, keys, checked, ...rest }: protocol.RestoreRowsTask,
  options: WorkOptions,
  store: DifferenceStore | undefined,
): Promise<RowsReport> {
  return inDatabase(database, { ...options, readOnly: false }, (session) =>
    restoreRows(file, session, engineById, {
      ...options,
      ...rest,
      ...keysOf(keys),
      ...(checked ? checkedRows(store!) : {}),
      // Rows that only the database has were checked by somebody, or were written by the restore that is taken back.
      deleteAdded: true,
      withRelated: checked,
      madeHere: new MadeHere(stateFolder(), options.logger),
    }),
  );
}

function related(
  { database, file, keys }: protocol.RelatedTask,
  options: WorkOptions,
  store: DifferenceStore,
): Promise<RelatedCounts> {
  const asked = { ...options, ...keysOf(keys), ...checkedRows(store), deleteAdded: true };
  return inDatabase(database, { ...options, readOnly: true }, (session) =>
    countRelated(file, session, engineById, asked),
  );
}

function checkedRows(store: DifferenceStore): { readonly source: RowsSource } {
  return { source: { kind: 'lines', lines: store.checkedLines() } };
}

function withSide<Report>(
  side: protocol.ComparedSideTask,
  options: WorkOptions,
  work: (side: Side) => Promise<Report>,
): Promise<Report> {
  if (side.kind === 'backup') return work({ kind: 'backup', file: side.file, ...keysOf(side.keys) });
  const open = { ...options, readOnly: true, unchanged: 'Nothing was compared.' };
  return inDatabase(side.database, open, (session) => work({ kind: 'database', session }));
}

async function restoreIntoNew(
  { database, name, file, keys }: protocol.NewDatabaseTask,
  options: WorkOptions,
  questions: protocol.RestoreQuestions,
): Promise<protocol.NewDatabaseReport> {
  const engine = engineById(database.address.engine);
  // A file that is no backup must not leave a new, empty database behind.
  const archive = await Archive.open(file, engineById, keys ? Keys.from(keys) : undefined);
  await archive.close();
  const place = { ...database, engine, ...(name === undefined ? {} : { name }) };
  const say = (sentence: string): void => options.logger.info(sentence);
  const making = { ...options, say, otherwise: 'Restore the backup into a connection.' };
  return await inNewDatabase(place, archive.manifest.source, making, async (address, target) => {
    const task = {
      database: { ...database, address },
      file,
      mode: 'replace' as const,
      ...(keys ? { keys } : {}),
    };
    return { report: await restore(task, options, questions), address, target };
  });
}

async function exportTable(
  { source, out: file, table, ...format }: protocol.ExportTask,
  options: WorkOptions,
): Promise<protocol.ExportedFile> {
  const asked = { ...options, ...format, table };
  let report: ExportReport | undefined;
  const bytes = await writeExportFile(file, options, async (sink) => {
    report =
      source.kind === 'backup'
        ? await exportBackedUpTable(source.file, engineById, sink, { ...asked, ...keysOf(source.keys) })
        : await inDatabase(source.database, { ...options, readOnly: true }, (session) =>
            exportLiveTable(session, engineById(session.info.engine).rowText, sink, asked),
          );
  });
  return { ...report!, file, bytes };
}

function inDatabase<Report>(
  { address, password }: protocol.DatabaseAccess,
  options: ConnectOptions & { readonly unchanged?: string },
  work: (session: Session) => Promise<Report>,
): Promise<Report> {
  const open = { ...options, ...(password === undefined ? {} : { password }) };
  return useSession(engineById(address.engine), address, open, work);
}

function keysOf(keys: protocol.VerifyTask['keys']): { keys?: Keys } {
  return keys ? { keys: Keys.from(keys) } : {};
}

/** The host may have gone away without notice, and a host that has cancelled waits for no answer. */
function questionsTo(connection: MessageConnection, { signal }: WorkOptions): protocol.RestoreQuestions {
  const stopped = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(cancelled()), { once: true });
  });
  stopped.catch(() => 'reported where something was asked');
  const ask = async <Asked>(
    type: RequestType<Asked, boolean, PlainError>,
    asked: Asked,
  ): Promise<boolean> => {
    throwIfCancelled(signal);
    try {
      return await Promise.race([connection.sendRequest<boolean>(type.method, asked), stopped]);
    } catch (error) {
      throw error instanceof ResponseError && error.data ? errorOf(error.data as PlainError) : error;
    }
  };
  return {
    mayRun: (code, fingerprint) => ask(protocol.mayRun, { asked: [code, fingerprint] }),
    confirm: (plan, { createdAt }) => ask(protocol.confirm, { asked: [plan, { createdAt }] }),
  };
}

function loggerTo(connection: MessageConnection): Logger {
  const at = (level: protocol.LogLine['level']) => (message: string, error?: unknown) =>
    notify(connection, protocol.log, {
      level,
      message,
      ...(error === undefined ? {} : { error: plainOf(error) }),
    });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** There need not be anybody any more who hears it. */
function notify<Payload>(
  connection: MessageConnection,
  type: NotificationType<Payload>,
  payload: Payload,
): void {
  if (process.connected) connection.sendNotification(type.method, payload).catch(() => undefined);
}
