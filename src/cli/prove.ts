import * as path from 'node:path';
import { Archive } from '../archive/archiveReader.ts';
import { MadeHere } from '../backup/madeHere.ts';
import { ProofDatabases, Proofs } from '../backup/proofs.ts';
import { stateFolder } from '../backup/stateFolder.ts';
import { RestorePointError } from '../core/errors.ts';
import { formatDuration, formatQuantity as count } from '../core/format.ts';
import { visible, visibleLines } from '../core/visible.ts';
import type { Engine } from '../engines/engine.ts';
import { engineById } from '../engines/registry.ts';
import { type ProofReport, proveBackup, type ProveOptions } from '../restore/proveBackup.ts';
import type { ProveArguments } from './arguments.ts';
import { differ } from './compare.ts';
import { identityOf, resolveConnection, type ResolvedConnection } from './connection.ts';
import { keysFor } from './keys.ts';
import { mayRun } from './mayRun.ts';
import { exitCodeOf, type Output } from './output.ts';
import type { Work } from './terminal.ts';

/** Proves that a backup can be restored. Resolves to the exit code. */
export async function prove(args: ProveArguments, output: Output, work: Work): Promise<number> {
  const file = path.resolve(args.file);
  const resolve = (text: string): Promise<ResolvedConnection> =>
    resolveConnection(text, { ...args, ...work });
  const connection = args.connection === undefined ? undefined : await resolve(args.connection);
  const server = args.server === undefined ? connection : await resolve(args.server);
  const identities = connection ? identityOf(args, connection) : {};
  const keys = await keysFor({ ...args, ...identities, file }, work);
  const archive = await Archive.open(file, engineById, keys);
  await archive.close();
  const madeHere = new MadeHere(stateFolder(), work.logger);
  const report = await proveBackup(file, {
    ...work,
    engines: engineById,
    ...(keys ? { keys } : {}),
    ...serverFor(engineById(archive.manifest.source.engine), server),
    madeHere,
    mayRun: async (code) => args.trust || (await mayRun(code, work)),
    otherServer: 'Or use --server with a connection to another server, on which you may create databases.',
    names: new ProofDatabases(stateFolder(), work.logger),
  });
  await new Proofs(stateFolder(), work.logger).add(report.fingerprints, report.proved);
  const { fingerprints: _, ...rest } = report;
  output.result(proofText(report), rest);
  if (report.proved) return 0;
  return report.code === undefined ? differ : exitCodeOf(new RestorePointError(report.code, ''));
}

function serverFor(engine: Engine, connection: ResolvedConnection | undefined): Pick<ProveOptions, 'server'> {
  if (engine.features.isFile) return {};
  if (!connection || connection.engine.id !== engine.id) {
    throw new RestorePointError(
      'usage',
      connection
        ? `This is a ${engine.label} backup, but the connection is to ${connection.engine.label}`
        : `Proving a ${engine.label} backup needs a connection to a server, and none was given`,
      { next: `Add a connection to a ${engine.label} server on which you may create databases.` },
    );
  }
  const { address, password } = connection;
  return { server: { address, ...(password === undefined ? {} : { password }) } };
}

function proofText({ file, proved, milliseconds, ...found }: ProofReport): string {
  const { tables, rows, objects, problems, next, notes } = found;
  const what = `${count(tables, 'table')}, ${count(rows, 'row')}, ${count(objects, 'object')} of the schema`;
  const time = formatDuration(milliseconds);
  return [
    proved
      ? `Proved: ${visible(file)} was restored into a scratch database and compared in ${time}: ${what}.`
      : found.code === undefined
        ? `Not proved: ${visible(file)} was restored, but the result differs from it:`
        : `Not proved: ${visible(file)} could not be restored:`,
    ...problems.map((problem) => visibleLines(`  ${problem}`)),
    ...(proved || next === undefined ? [] : [visible(next)]),
    ...notes.map((note) => visibleLines(`note: ${note}`)),
  ].join('\n');
}
