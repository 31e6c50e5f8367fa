import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import { Archive } from '../archive/archiveReader.ts';
import { toJson } from '../archive/manifestJson.ts';
import { checkBackupName, newBackupFile, salvagedName } from '../backup/backupFiles.ts';
import type { Keys } from '../archive/encryption/keys.ts';
import { MadeHere } from '../backup/madeHere.ts';
import { salvageBackup } from '../backup/salvageBackup.ts';
import { stateFolder } from '../backup/stateFolder.ts';
import { takeBackup, type TakeBackupOptions } from '../backup/takeBackup.ts';
import { verifyBackup } from '../backup/verifyBackup.ts';
import {
  parseArguments,
  type BackupArguments,
  type CliArguments,
  type InspectArguments,
  type RestoreArguments,
  type SalvageArguments,
} from './arguments.ts';
import { compare } from './compare.ts';
import { identityOf, resolveConnection, type ResolvedConnection, withSession } from './connection.ts';
import { askYes } from './askYes.ts';
import { exportCommand } from './exportCommand.ts';
import { keysFor, lockFor } from './keys.ts';
import { list } from './listCommand.ts';
import { createOutput, exitCodeOf, lines, type Output } from './output.ts';
import type { Terminal, Work } from './terminal.ts';
import { mayRun } from './mayRun.ts';
import { pin } from './pinCommand.ts';
import { prune } from './pruneCommand.ts';
import { prove } from './prove.ts';
import { restoreChosenRows, restoresRows } from './restoreRows.ts';
import { schedule } from './scheduleCommand.ts';
import { createProgressBar } from './progressBar.ts';
import {
  backupNotes,
  backupText,
  inspectText,
  planText,
  restoreText,
  salvageText,
  verifyText,
} from './summary.ts';
import { messageOf, RestorePointError } from '../core/errors.ts';
import { version } from '../core/version.ts';
import { visible } from '../core/visible.ts';
import { engineById } from '../engines/registry.ts';
import { statementsText } from '../restore/codeToRun.ts';
import { inNewDatabase } from '../restore/newDatabase.ts';
import { restoreBackup } from '../restore/restoreBackup.ts';
import { usage } from './usage.ts';

/** Resolves to the exit code where it is not 0. */
async function run(args: CliArguments, output: Output, work: Work): Promise<number | void> {
  switch (args.command) {
    case 'backup':
      return await backup(args, output, work);
    case 'restore':
      return await restore(args, output, work);
    case 'compare':
      return await compare(args, output, work);
    case 'verify': {
      const keys = await keysFor(args, work);
      const report = await verifyBackup(path.resolve(args.file), engineById, {
        ...work,
        ...(keys ? { keys } : {}),
      });
      const { manifest, ...rest } = report;
      return output.result(verifyText(report), { ...rest, tables: manifest.tables.length });
    }
    case 'prove':
      return await prove(args, output, work);
    case 'inspect':
      return await inspect(args, output, work);
    case 'salvage':
      return await salvage(args, output, work);
    case 'export':
      return await exportCommand(args, output, work);
    case 'list':
      return await list(args, output, work);
    case 'pin':
    case 'unpin':
      return await pin(args, output);
    case 'schedule':
      return await schedule(args, output);
    case 'prune':
      return await prune(args, output, work);
    case 'help':
      return output.result(usage.trimEnd(), usage);
    case 'version':
      return output.result(version, version);
  }
}

async function backup(args: BackupArguments, output: Output, work: Work): Promise<void> {
  const connection = await resolveConnection(args.connection, { ...args, ...work });
  const lock = await lockFor(args, connection, work);
  await withSession(connection, { ...work, readOnly: true }, async (session) => {
    const { tables, exclude, excludeRows, where, withRelated, only } = args;
    const report = await takeBackup(session, {
      ...work,
      madeHere: new MadeHere(stateFolder(), work.logger),
      ...(await outputFile(args.out, session.info.database, lock !== undefined)),
      ...(lock ? { lock } : {}),
      selection: {
        ...(tables ? { tables } : {}),
        ...(exclude ? { exclude } : {}),
        ...(excludeRows ? { excludeRows } : {}),
        ...(where ? { where } : {}),
        ...(only ? { only } : {}),
        withRelated,
      },
      label: args.label,
      ...(args.compression ? { compression: args.compression } : {}),
      ...(connection.id === undefined ? {} : { connection: connection.id }),
    });
    const tablesAsJson = report.tables.map(({ table, rows, related }) => ({
      ...table.name,
      rows,
      ...(related ? { related } : {}),
    }));
    // A program reads the JSON: the person who runs it learns what the backup does not hold.
    if (args.json) for (const note of backupNotes(report)) work.logger.warn(note);
    output.result(backupText(report), { ...report, tables: tablesAsJson });
  });
}

type RestoreWork = Work & {
  readonly keys?: Keys;
  readonly madeHere: MadeHere;
  /** For people: the database that was made for it. */
  readonly createdDatabase?: string;
};

async function restore(args: RestoreArguments, output: Output, work: Work): Promise<void> {
  const needsAnswer = !args.yes && !args.dryRun;
  if (needsAnswer && !work.terminal.stdin.isTTY) {
    throw new RestorePointError('usage', 'There is no terminal to ask for confirmation', {
      unchanged: 'Nothing was changed.',
      next: 'Add --yes to restore without asking, or --dry-run to rehearse.',
    });
  }
  const connection = await resolveConnection(args.connection, { ...args, ...work });
  const madeHere = new MadeHere(stateFolder(), work.logger);
  const keys = await keysFor({ ...args, ...identityOf(args, connection) }, work);
  const known = { madeHere, ...(keys ? { keys } : {}) };
  // A file that is no backup must not leave a new, empty database behind.
  const archive = await Archive.open(path.resolve(args.file), engineById, keys);
  await archive.close();
  const rows = restoresRows(args, archive.manifest);
  if (rows) return await restoreRowsInto(connection, args, output, { ...work, ...known });
  const { createDatabase } = args;
  if (createDatabase === undefined) return await restoreInto(connection, args, output, { ...work, ...known });
  const { source } = archive.manifest;
  const { engine, address, password } = connection;
  const place = {
    ...{ engine, address },
    ...(password === undefined ? {} : { password }),
    ...(createDatabase === '' ? {} : { name: createDatabase }),
  };
  const say = (sentence: string): void => output.message(sentence);
  const making = { ...work, say, otherwise: 'Leave --create-database out.' };
  await inNewDatabase(place, source, making, (made, createdDatabase) =>
    restoreInto({ ...connection, address: made }, args, output, { ...work, ...known, createdDatabase }),
  );
}

async function restoreInto(
  connection: ResolvedConnection,
  args: RestoreArguments,
  output: Output,
  { keys, madeHere, createdDatabase, ...work }: RestoreWork,
): Promise<void> {
  const { features } = connection.engine;
  // A new database has nothing to be kept.
  const safety = args.safetyBackup && createdDatabase === undefined;
  const safetyLock = safety && !args.dryRun ? await lockFor(args, connection, work, keys) : undefined;
  const create = features.createsDatabase && !args.dryRun;
  await withSession(connection, { ...work, readOnly: false, create }, async (session) => {
    const report = await restoreBackup(path.resolve(args.file), session, engineById, {
      ...work,
      mode: args.mode,
      ...(args.tables ? { tables: args.tables } : {}),
      ...(args.only ? { only: args.only } : {}),
      ...(args.intoSchema === undefined ? {} : { intoSchema: args.intoSchema }),
      withRelated: args.withRelated,
      dryRun: args.dryRun,
      ...countingOf(args),
      ...(keys ? { keys } : {}),
      ...(safetyLock ? { safetyLock } : {}),
      ...(connection.id === undefined ? {} : { connection: connection.id }),
      ...(safety ? { safetyFolder: path.join(stateFolder(), 'safety') } : {}),
      madeHere,
      mayRun: async (code, fingerprint) =>
        args.trust || (await madeHere.has(fingerprint)) || (await mayRun(code, work)),
      confirm: async (plan) => {
        const text = planText(plan, session.target);
        work.terminal.stderr.write(`${lines(text)}\n`);
        return args.yes || args.dryRun || (await askYes('Go on? [y/N] ', work.terminal, work.signal));
      },
    });
    const made = createdDatabase === undefined ? {} : { createdDatabase };
    const text =
      createdDatabase === undefined ? '' : visible(`Created the database ${createdDatabase}.`) + '\n';
    output.result(text + restoreText(report), { ...report, ...made });
  });
}

async function restoreRowsInto(
  connection: ResolvedConnection,
  args: RestoreArguments,
  output: Output,
  { keys, madeHere, ...work }: RestoreWork,
): Promise<void> {
  const lock = args.safetyBackup && !args.dryRun ? await lockFor(args, connection, work, keys) : undefined;
  await withSession(connection, { ...work, readOnly: false }, async (session) => {
    const opened = {
      session,
      madeHere,
      ...(keys ? { keys } : {}),
      ...(lock ? { safetyLock: lock } : {}),
      ...(args.safetyBackup ? { safetyFolder: path.join(stateFolder(), 'safety') } : {}),
      ...(connection.id === undefined ? {} : { connection: connection.id }),
    };
    await restoreChosenRows(args, opened, output, work);
  });
}

/** A rehearsal counts to its end. Before a question nobody waits long; where nobody is asked, nobody reads it. */
function countingOf({ dryRun, yes }: RestoreArguments): { countChanges?: { milliseconds?: number } } {
  if (dryRun) return { countChanges: {} };
  return yes ? {} : { countChanges: { milliseconds: 5_000 } };
}

async function salvage(args: SalvageArguments, output: Output, work: Work): Promise<void> {
  const file = path.resolve(args.file);
  const keys = await keysFor(args, work);
  const out = path.resolve(args.out ?? salvagedName(file, keys !== undefined));
  if (args.out !== undefined) checkBackupName(out, keys !== undefined);
  const madeHere = new MadeHere(stateFolder(), work.logger);
  const report = await salvageBackup(file, engineById, { ...work, out, madeHere, ...(keys ? { keys } : {}) });
  output.result(salvageText(report), report);
}

async function inspect(args: InspectArguments, output: Output, work: Work): Promise<void> {
  const archive = await Archive.open(path.resolve(args.file), engineById, await keysFor(args, work));
  try {
    const { manifest } = archive;
    const text = args.statements
      ? statementsText(manifest.objects) || 'The backup contains no statements.'
      : inspectText(archive, engineById(manifest.source.engine).extras);
    output.result(text.trimEnd(), args.statements ? manifest.objects : toJson(manifest));
  } finally {
    await archive.close();
  }
}

/** The path of a new backup: a new file in a folder, or a file. A new folder's name has no ending, or ends in a slash. */
async function outputFile(
  out: string | undefined,
  database: string,
  encrypted: boolean,
): Promise<Pick<TakeBackupOptions, 'file' | 'anotherFile'>> {
  const target = path.resolve(out ?? 'backups');
  const namesFolder = path.extname(target) === '' || /[/\\]$/.test(out ?? '');
  const existing = await stat(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new RestorePointError('file', `The backup cannot be written: ${messageOf(error)}`, {
      place: { file: target },
      cause: error,
    });
  });
  if (existing ? existing.isDirectory() : namesFolder) {
    return await newBackupFile(target, database, { encrypted });
  }
  checkBackupName(target, encrypted);
  if (existing) {
    throw new RestorePointError(
      'usage',
      'A file with this name already exists, and Restore Point never overwrites a file',
      {
        place: { file: target },
        next: 'Choose another name.',
      },
    );
  }
  return { file: target };
}

/**
 * Runs one command. Resolves to the exit code; all output goes to the terminal. `workFactor` is what trying
 * the passphrases of new backups costs (see `Lock`): only tests lower it.
 */
export async function commandLine(
  words: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
  { workFactor }: { readonly workFactor?: number } = {},
): Promise<number> {
  let output = createOutput(terminal, {
    json: words.includes('--json'),
    verbose: words.includes('--verbose'),
  });
  const bar = createProgressBar(terminal.stderr);
  const tellCancel = (): void => {
    bar.end();
    terminal.stderr.write('Cancelling; Ctrl+C again ends at once.\n');
  };
  signal.addEventListener('abort', tellCancel);
  try {
    const args = parseArguments([...words]);
    output = createOutput(terminal, args);
    const { report } = bar;
    const work = { signal, report, logger: output.logger, terminal, workFactor };
    return (await run(args, withoutBar(output, bar), work)) ?? 0;
  } catch (error) {
    bar.end();
    output.failure(error);
    return exitCodeOf(error);
  } finally {
    signal.removeEventListener('abort', tellCancel);
  }
}

/** The bar leaves its line before a result is written. */
function withoutBar(output: Output, bar: { end(): void }): Output {
  return {
    ...output,
    result(text, json) {
      bar.end();
      output.result(text, json);
    },
    message(text) {
      bar.end();
      output.message(text);
    },
    line(text, json) {
      bar.end();
      return output.line(text, json);
    },
  };
}
