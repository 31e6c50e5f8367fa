import { readFile, writeFile } from 'node:fs/promises';
import { fingerprintOf } from '../../src/archive/writeArchive.ts';
import { MadeHere } from '../../src/backup/madeHere.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { fileOf, partsOf } from './damage.ts';

/** A backup like a real one, as if it had been taken at another time. With `state`, the state folder, this machine made it. */
export async function agedBackup(
  real: string,
  file: string,
  time: string,
  { state, changes = {} }: { readonly state?: string; readonly changes?: object } = {},
): Promise<string> {
  const parts = partsOf(await readFile(real));
  const manifest = parts.at(-1)!;
  const before = JSON.parse(manifest.data.toString()) as Manifest;
  const data = Buffer.from(
    JSON.stringify({ ...before, createdAt: new Date(time).toISOString(), ...changes }),
  );
  await writeFile(file, fileOf([...parts.slice(0, -1), { ...manifest, data }]));
  if (state !== undefined) await new MadeHere(state, silentLogger).add(fingerprintOf(data));
  return file;
}
