import * as path from 'node:path';
import { listBackups, type BackupFile } from '../backup/backupFiles.ts';
import { MadeHere } from '../backup/madeHere.ts';
import { Proofs, type Proof } from '../backup/proofs.ts';
import { databaseKeyOf, extentOf, type BackupExtent } from '../backup/series.ts';
import { stateFolder } from '../backup/stateFolder.ts';
import { fileError } from '../archive/publish.ts';
import { formatBytes, formatQuantity as count } from '../core/format.ts';
import { type Manifest, sizeOf } from '../core/manifest.ts';
import { visible } from '../core/visible.ts';
import { engineById } from '../engines/registry.ts';
import type { ListArguments } from './folderArguments.ts';
import { givenKeys } from './keys.ts';
import { checkNamedFolder } from './namedFolder.ts';
import type { Output } from './output.ts';
import { aligned } from './summary.ts';
import type { Work } from './terminal.ts';

/** The backups of folders: what their manifests say. Nothing is asked, and no rows are read. */
export async function list(args: ListArguments, output: Output, { logger }: Work): Promise<void> {
  const keys = await givenKeys(args);
  const backups: BackupFile[] = [];
  for (const folder of args.folders) {
    if (args.named) await checkNamedFolder(folder);
    try {
      backups.push(...(await listBackups(folder, engineById, () => Promise.resolve(keys))));
    } catch (error) {
      throw fileError('The folder cannot be read', path.resolve(folder), error);
    }
  }
  backups.sort((a, b) => b.time.getTime() - a.time.getTime());
  const proofs = await new Proofs(stateFolder(), logger).all();
  const proofOf: ProofOf = ({ fingerprint = '' }) => proofs.get(fingerprint);
  const madeHere = new MadeHere(stateFolder(), logger);
  const json: unknown[] = [];
  for (const backup of backups) json.push(await asJson(backup, proofOf(backup), madeHere));
  output.result(listText(backups, args.folders, proofOf), { backups: json });
}

type ProofOf = (backup: BackupFile) => Proof | undefined;

async function asJson(backup: BackupFile, proof: Proof | undefined, madeHere: MadeHere): Promise<unknown> {
  const { file, size, time, manifest, fingerprint, encryption, problem, pinned = false } = backup;
  return {
    file: path.resolve(file),
    bytes: size,
    time: time.toISOString(),
    pinned,
    ...(encryption ? { encryption } : {}),
    ...(problem === undefined ? {} : { problem }),
    ...(fingerprint === undefined ? {} : { madeHere: await madeHere.has(fingerprint) }),
    ...(proof ? { lastProof: { proved: proof.proved, time: proof.time.toISOString() } } : {}),
    ...(manifest ? manifestAsJson(manifest) : {}),
  };
}

function manifestAsJson(manifest: Manifest): object {
  const { source, purpose, name, note, complete, only, createdBy, tables } = manifest;
  const { engine, database, identity, connection } = source;
  return {
    ...{ engine, database, identity, connection, purpose, name, note, createdBy, complete, only },
    rows: sizeOf(manifest).rows,
    tables: tables.map(({ table, rows }) => ({ ...table.name, rows })),
  };
}

function listText(backups: readonly BackupFile[], folders: readonly string[], proofOf: ProofOf): string {
  const cells = (group: readonly BackupFile[]): string[] =>
    aligned(group.map((backup) => cellsOf(backup, proofOf(backup))));
  if (backups.length === 0) return visible(`There are no backups in ${folders.join(', ')}.`);
  const groups = Map.groupBy(backups, ({ manifest }) => (manifest ? databaseKeyOf(manifest) : ''));
  // Those of which nothing is known come last.
  const unknown = groups.get('') ?? [];
  groups.delete('');
  const bytes = backups.reduce((sum, { size }) => sum + size, 0);
  return [
    ...[...groups.values()].flatMap((group) => [titleOf(group[0]!.manifest!), ...cells(group)]),
    ...(unknown.length > 0 ? ['Encrypted or damaged', ...cells(unknown)] : []),
    `${count(backups.length, 'backup')}, ${formatBytes(bytes)}`,
  ].join('\n');
}

function titleOf({ source }: Manifest): string {
  return visible(`${source.database} (${source.serverVersion})`);
}

function cellsOf(backup: BackupFile, proof: Proof | undefined): string[] {
  const { file, size, time, manifest, encryption, problem, pinned } = backup;
  return [
    localTime(time),
    manifest ? extentText(manifest) : '',
    manifest ? count(sizeOf(manifest).rows, 'row') : '',
    formatBytes(size),
    file,
    [
      ...(pinned ? ['pinned'] : []),
      ...(proof ? [`${proof.proved ? 'proved' : 'proof failed'} ${localTime(proof.time)}`] : []),
      ...(manifest?.purpose === 'safety' ? ['safety backup'] : []),
      ...(encryption ? ['encrypted'] : []),
      ...(manifest?.name === undefined ? [] : [`"${manifest.name}"`]),
      ...(problem === undefined ? [] : [withoutFile(problem, file)]),
    ].join(', '),
  ];
}

/** A problem without the path, which the line has anyway. */
export function withoutFile(problem: string, file: string): string {
  return problem.replaceAll(`, ${file}: `, ': ').replaceAll(`${file}: `, '');
}

/** `2026-11-30 09:15`, by the clock of this machine. */
export function localTime(time: Date): string {
  const pad = (value: number): string => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())}`;
  return `${day} ${pad(time.getHours())}:${pad(time.getMinutes())}`;
}

const mostTables = 3;

const extents: Readonly<Record<BackupExtent['kind'], string>> = {
  whole: 'whole',
  schema: 'schema only',
  schemaPart: 'schema only: ',
  without: 'all but the rows of ',
  rows: 'rows only: ',
  part: 'part: ',
  writtenRows: 'rows of a restore: ',
};

/** `whole`, `part: orders, customers`. */
export function extentText(manifest: Manifest): string {
  const extent = extentOf(manifest);
  const tables = 'tables' in extent ? extent.tables : [];
  const hidden = tables.length - mostTables;
  const more = hidden > 0 ? `, ${count(hidden, 'more table')}` : '';
  return `${extents[extent.kind]}${tables.slice(0, mostTables).join(', ')}${more}`;
}
