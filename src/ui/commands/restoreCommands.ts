import * as vscode from 'vscode';
import type { BackupFile } from '../../backup/backupFiles.ts';
import type { Keys } from '../../archive/encryption/keys.ts';
import type { CountedTable } from '../../compare/countDifferences.ts';
import { RestorePointError } from '../../core/errors.ts';
import { type BackedUpTable, holdsAllRows, type Manifest } from '../../core/manifest.ts';
import { formatTableName, tableKey, type TableName } from '../../core/names.ts';
import { requireTables } from '../../core/needsTables.ts';
import type { RestoreMode } from '../../core/plan.ts';
import { chooseTables } from '../../restore/choosePart.ts';
import type { RowsReport } from '../../restore/chosenRows/rowsReport.ts';
import type { RestoreReport } from '../../restore/restoreBackup.ts';
import type { KeyOptions } from '../backups/backupKeys.ts';
import { listSafetyBackups, takenFrom } from '../backups/backupOrigin.ts';
import { lastRestore, pastRestore } from '../backups/pastRestores.ts';
import { nameWithEngine, usableOf, type Connection } from '../connections/connection.ts';
import { refuseInRestrictedMode } from '../connections/connector.ts';
import { isOwn } from '../prompts/backupGroups.ts';
import { alone, answered, askBackedUpTables, askBackup, askConnection, askMode } from '../prompts/choices.ts';
import { momentText, tableNamesText } from '../quantities.ts';
import { askInSteps, back, type Frame, type Step } from '../prompts/steps.ts';
import type { Services } from '../services.ts';
import { someConnections } from './chooseConnection.ts';
import {
  connectionArgument,
  filesArgument,
  flagArgument,
  keyArguments,
  modeArgument,
  nodesArgument,
  tablesArgument,
  tokenArgument,
} from './commandArguments.ts';
import { isQuiet, type CommandTable } from './commandTable.ts';
import { restoreRows, type RowsRequest } from '../comparison/restoreRows.ts';
import { openBackup } from './openBackup.ts';
import { restore } from './restore.ts';
import { tableDifferences } from './tableDifferences.ts';

/** Commands that write a database. Each can be called with `RestoreArguments`, and resolves with its `RestoreReport`. */
export function restoreCommands(
  services: Services,
): Pick<
  CommandTable,
  | 'restorePoint.restoreBackup'
  | 'restorePoint.restoreTable'
  | 'restorePoint.undoRestore'
  | 'restorePoint.undoLastRestore'
> {
  return {
    'restorePoint.restoreBackup': {
      operation: vscode.l10n.t('Restore'),
      run: (first, second) => restoreFromArguments(services, first, second),
    },
    /** Restores a table of the Connections view from the newest backup that has it. */
    'restorePoint.restoreTable': {
      operation: vscode.l10n.t('Restore'),
      run: async (first) => {
        const [node] = nodesArgument(first, undefined);
        if (node?.kind !== 'table') throw new RestorePointError('usage', 'No table was chosen');
        const { connection, table } = node;
        const newest = await newestBackupOf(services, connection, table.name);
        const chosen = { connection: connection.key, tables: [formatTableName(table.name)] };
        return await restoreFromArguments(services, chosen, undefined, newest);
      },
    },
    'restorePoint.undoRestore': {
      operation: vscode.l10n.t('Undo'),
      run: async (first) =>
        undo(services, first, filesArgument(first)[0] ?? (await chooseSafetyBackup(services))),
    },
    'restorePoint.undoLastRestore': {
      operation: vscode.l10n.t('Undo'),
      run: (first) => undoLast(services, first),
    },
  };
}

/**
 * The newest backup with all rows of a table, opened. Only an encrypted one that is opened says what it contains. Throws
 * `usage` if there is none.
 */
async function newestBackupOf(services: Services, connection: Connection, table: TableName): Promise<Draft> {
  const { manifestRules } = usableOf(connection).engine;
  const fold = (name: string): string => manifestRules.foldName(name);
  const key = ({ schema, name }: TableName): string =>
    tableKey({ ...(schema === undefined ? {} : { schema: fold(schema) }), name: fold(name) });
  const hasTable = (file: string, manifest: Manifest): boolean =>
    manifest.only !== 'schema' &&
    takenFrom(services, file, manifest)?.key === connection.key &&
    manifest.tables.some((one) => holdsAllRows(one) && key(one.table.name) === key(table));
  for (const backup of await services.backups.list()) {
    const { file, manifest, problem } = backup;
    if (problem !== undefined || (manifest ? !hasTable(file, manifest) : !isOwn(backup, connection)))
      continue;
    const opened = await openBackup(services, file, { ask: true, connection });
    if (hasTable(file, opened.manifest)) return { file, ...opened };
  }
  throw new RestorePointError(
    'usage',
    `No backup of ${connection.name} has all rows of ${formatTableName(table)}`,
    {
      unchanged: 'Nothing was changed.',
      next: 'Restore Backup… on the connection lists all backups, encrypted ones too.',
    },
  );
}

/** The choices so far. */
interface Draft {
  readonly file?: string;
  readonly manifest?: Manifest;
  readonly keys?: Keys;
  readonly connection?: Connection;
  /** All of them when left out. */
  readonly tables?: readonly BackedUpTable[];
  readonly mode?: RestoreMode;
}

async function restoreFromArguments(
  services: Services,
  first: unknown,
  second: unknown,
  opened?: Draft,
): Promise<RestoreReport> {
  const connections = someConnections(services);
  const [file = opened?.file] = filesArgument(first, second);
  const given = {
    connection: connectionArgument(first, services.store),
    tables: tablesOf(first, second),
    mode: modeArgument(first),
  };
  const keyOptions = keyArguments(first, given.connection);
  const open = openDraft(services, connections, keyOptions);
  const steps = [
    ...(file === undefined ? [fileStep(services, open, given.connection)] : []),
    ...(given.connection ? [] : [connectionStep(connections, services)]),
    ...(given.mode ? [] : [modeStep(given.tables)]),
    ...(given.tables ? [] : [tablesStep(services, given, keyOptions)]),
  ];
  const begin = opened ?? (file === undefined ? {} : await open(file));
  const draft = await askInSteps(vscode.l10n.t('Restore Backup'), begin, steps);
  const tables = given.tables ?? draft.tables?.map(({ table }) => table.name);
  return await restore(services, {
    file: draft.file!,
    manifest: draft.manifest!,
    ...(draft.keys ? { keys: draft.keys } : {}),
    keyOptions,
    connection: given.connection ?? draft.connection!,
    mode: given.mode ?? draft.mode!,
    ...(tables && tables.length > 0 ? { tables } : {}),
    confirmed: flagArgument(first, 'confirmed'),
    trusted: flagArgument(first, 'trusted'),
    quiet: isQuiet(first),
    ...tokenArgument(first),
  });
}

/** The tables that an argument names, or that are selected under a backup. */
function tablesOf(first: unknown, second: unknown): readonly TableName[] | undefined {
  const nodes = nodesArgument(first, second).filter((node) => node.kind === 'backupTable');
  const [node] = nodes;
  if (!node) return tablesArgument(first);
  return nodes
    .filter(({ parent }) => parent.backup.file === node.parent.backup.file)
    .map(({ table }) => table.table.name);
}

async function undoLast(services: Services, first: unknown): Promise<RestoreReport | RowsReport> {
  refuseInRestrictedMode();
  const connection = connectionArgument(first, services.store);
  const last = await lastRestore(services, connection);
  if (last) return await undo(services, first, last.safetyBackup, services.store.find(last.connection));
  throw new RestorePointError(
    'usage',
    connection ? `There is no restore of ${connection.name} to undo` : 'There is no restore to undo',
    { next: 'Undo Restore… lists all states that were saved before a restore.' },
  );
}

async function undo(
  services: Services,
  first: unknown,
  file: string,
  restored?: Connection,
): Promise<RestoreReport | RowsReport> {
  refuseInRestrictedMode();
  const keyOptions = keyArguments(first, connectionArgument(first, services.store));
  const { manifest, keys } = await openBackup(services, file, keyOptions);
  const connection =
    connectionArgument(first, services.store) ??
    restored ??
    takenFrom(services, file, manifest) ??
    answered(await askTarget(alone(undoTitle()), someConnections(services), services, { file, manifest }));
  if (manifest.writtenRows) {
    const run: RowsRequest['run'] = (task, options) => services.workers.takeBackRows(task, options);
    return await restoreRows(services, { file, ...(keys ? { keys } : {}), connection, undo: true, run });
  }
  return await restore(services, {
    file,
    manifest,
    ...(keys ? { keys } : {}),
    keyOptions,
    connection,
    mode: 'replace',
    undo: true,
    confirmed: flagArgument(first, 'confirmed'),
    trusted: flagArgument(first, 'trusted'),
    quiet: isQuiet(first),
    ...tokenArgument(first),
  });
}

function undoTitle(): string {
  return vscode.l10n.t('Undo Restore');
}

async function chooseSafetyBackup(services: Services): Promise<string> {
  refuseInRestrictedMode();
  const backups = await listSafetyBackups(services);
  if (backups.length === 0) {
    throw new RestorePointError('usage', 'There is no restore to undo: no safety backup has been taken yet');
  }
  const placeholder = vscode.l10n.t('Choose the state to go back to (each was saved right before a restore)');
  return answered(
    await askBackup(alone(undoTitle()), backups, {
      placeholder,
      browse: false,
      labelOf: (backup) => undoLabel(services, backup),
      connectionOf: ({ file, manifest }) => takenFrom(services, file, manifest)?.name,
    }),
  );
}

/** As `openBackup`. Refuses the safety backup of chosen rows before anything is asked: the command line takes them back. */
async function openTables(
  services: Services,
  file: string,
  options: KeyOptions,
): ReturnType<typeof openBackup> {
  const opened = await openBackup(services, file, options);
  requireTables(opened.manifest, file, 'Nothing was restored');
  return opened;
}

type OpenDraft = (file: string) => Promise<Draft>;

/** A chosen file with its contents, and with the connection if there is only one candidate. */
function openDraft(services: Services, connections: readonly Connection[], options: KeyOptions): OpenDraft {
  return async (file) => {
    const opened = await openTables(services, file, options);
    const connection = matchingConnection(services, connections, file, opened.manifest);
    return { file, ...opened, ...(connection ? { connection } : {}) };
  };
}

/** The connection that a backup was taken from; for one that does not say, the only one of its engine. */
function matchingConnection(
  services: Services,
  connections: readonly Connection[],
  file: string,
  { source }: Manifest,
): Connection | undefined {
  const possible = connections.filter(({ usable }) => usable?.engine.id === source.engine);
  const taken = takenFrom(services, file, { source });
  if (taken) return possible.find(({ key }) => key === taken.key);
  return source.connection === undefined && possible.length === 1 ? possible[0] : undefined;
}

/** `Undo restore of orders, 12:31`. */
function undoLabel(services: Services, { file, manifest, time }: BackupFile): string {
  const moment = momentText(time);
  const isUndo = pastRestore(services, file)?.isUndo === true;
  if (!manifest) {
    return isUndo
      ? vscode.l10n.t('Undo the undo of {0}', moment)
      : vscode.l10n.t('Undo restore of {0}', moment);
  }
  const tables = tableNamesText(manifest.tables.map(({ table }) => table.name));
  return isUndo
    ? vscode.l10n.t('Undo the undo of {0}, {1}', tables, moment)
    : vscode.l10n.t('Undo restore of {0}, {1}', tables, moment);
}

function fileStep(services: Services, open: OpenDraft, into: Connection | undefined): Step<Draft> {
  return {
    async ask(draft, frame) {
      const placeholder = vscode.l10n.t('Choose the backup to restore');
      const file = await askBackup(frame, await services.backups.list(), {
        ...{ placeholder, browse: true },
        ...(into ? { into } : {}),
      });
      if (file === back) return back;
      // Answers about another backup do not apply to this one.
      return file === draft.file ? draft : await open(file);
    },
  };
}

function connectionStep(connections: readonly Connection[], services: Services): Step<Draft> {
  return {
    isAnswered: ({ connection }) => connection !== undefined,
    async ask(draft, frame) {
      const connection = await askTarget(
        frame,
        connections,
        services,
        draft as Required<Pick<Draft, 'file' | 'manifest'>>,
      );
      return connection === back ? back : { ...draft, connection };
    },
  };
}

function askTarget(
  frame: Parameters<typeof askConnection>[0],
  connections: readonly Connection[],
  services: Services,
  { file, manifest }: { readonly file: string; readonly manifest: Manifest },
): ReturnType<typeof askConnection> {
  const { source } = manifest;
  const label = services.engineById(source.engine).label;
  const preferred = takenFrom(services, file, manifest);
  return askConnection(frame, connections, {
    placeholder: vscode.l10n.t('Choose the connection to restore into'),
    ...(preferred ? { preferred: preferred.key } : {}),
    refuse: (connection) =>
      connection.usable && connection.usable.engine.id !== source.engine
        ? vscode.l10n.t('This {0} backup cannot be restored into {1}.', label, nameWithEngine(connection))
        : undefined,
  });
}

function modeStep(names: readonly TableName[] | undefined): Step<Draft> {
  return {
    async ask(draft, frame) {
      const mode = await askMode(intoFrame(frame, draft), chooseTables(draft.manifest!, names), draft.mode);
      if (mode === back || mode === draft.mode) return mode === back ? back : draft;
      // The choice of tables depends on the mode.
      const { tables: _, ...rest } = draft;
      return { ...rest, mode };
    },
  };
}

/** The title says what was not asked for. */
function intoFrame(frame: Frame, { connection }: Draft): Frame {
  return connection ? { ...frame, title: vscode.l10n.t('Restore Backup into {0}', connection.name) } : frame;
}

function tablesStep(
  services: Services,
  given: { readonly connection: Connection | undefined; readonly mode: RestoreMode | undefined },
  { ask }: KeyOptions,
): Step<Draft> {
  const counted = new Map<string, readonly CountedTable[]>();
  const differences = async ({ file, keys, connection }: Draft): Promise<readonly CountedTable[]> => {
    const target = given.connection ?? connection!;
    const key = JSON.stringify([file, target.key]);
    const known = counted.get(key);
    if (known) return known;
    const compared = { file: file!, connection: target, ...(keys ? { keys } : {}) };
    const found = await tableDifferences(services, compared, { ask });
    counted.set(key, found);
    return found;
  };
  return {
    async ask(draft, frame) {
      const answer = await askBackedUpTables(intoFrame(frame, draft), draft.manifest!.tables, {
        mode: given.mode ?? draft.mode!,
        ...(draft.tables ? { chosen: draft.tables } : {}),
        differences: await differences(draft),
      });
      if (answer === back) return back;
      const { tables: _, ...rest } = draft;
      return answer.tables ? { ...rest, tables: answer.tables } : rest;
    },
  };
}
