import assert from 'node:assert/strict';
import * as path from 'node:path';
import { inEnglish } from '../../src/core/localizable.ts';
import { engines, otherEngine, parseDatabaseUrl } from '../../src/engines/registry.ts';
import { findDatabases, type Found, type FoundDatabase } from '../../src/found/findDatabases.ts';

export const foundRoot = '/work space';

/** What the files of a workspace name: texts by their paths. Files that are in `databases` exist, too. */
export async function findIn(
  files: Readonly<Record<string, string>>,
  options: { readonly databases?: readonly string[]; readonly outsideContainers?: boolean } = {},
): Promise<Found> {
  const { databases = [], outsideContainers = true } = options;
  const inRoot = (file: string): string => path.join(foundRoot, file);
  const existing = new Set(databases.map(inRoot));
  const [sqlite] = engines;
  return await findDatabases(
    {
      files: Object.entries(files).map(([file, text]) => ({
        ...(path.isAbsolute(file) ? { path: file } : { path: inRoot(file), folder: foundRoot }),
        text,
      })),
      databaseFiles: databases.map((file) => ({ path: inRoot(file), folder: foundRoot, engine: sqlite! })),
      outsideContainers,
    },
    {
      engines: { known: engines, otherEngine },
      parseUrl: parseDatabaseUrl,
      exists: (file) => (file.startsWith(`${foundRoot}/`) ? existing.has(file) : undefined),
    },
  );
}

/** `shop = postgres me:secret@localhost:5432/shop (.env:1)`, in the order of the list. */
export function linesOf({ databases, broken }: Found): string[] {
  return [
    ...databases.map(lineOf),
    ...broken.map(({ file, line, reason }) => `broken ${short(file)}:${line ?? ''} ${reason}`),
  ];
}

function lineOf({ name, label, engine, address, password, places, problem }: FoundDatabase): string {
  const where = places.map(({ file, line }) => (line === undefined ? short(file) : `${short(file)}:${line}`));
  const login = [address?.user ?? '', ...(password === undefined ? [] : [password])].join(':');
  const target = address && engine ? short(engine.describe(address)) : '?';
  const tls = address?.ssl === undefined ? '' : ` ${address.ssl}`;
  const known = `${label} ${login === '' ? '' : `${login}@`}${target}${tls}`;
  const reason = typeof problem === 'object' ? inEnglish(problem) : problem;
  return `${name} = ${known} (${where.join(', ')})${reason === undefined ? '' : ` ! ${reason}`}`;
}

function short(file: string): string {
  return file.startsWith(`${foundRoot}/`) ? file.slice(foundRoot.length + 1) : file;
}

/** Files, what they name, and the files of databases that exist. */
export type FoundCase = readonly [
  what: string,
  files: Readonly<Record<string, string>>,
  expected: readonly string[],
  databases?: readonly string[],
];

export function describeCases(cases: Readonly<Record<string, readonly FoundCase[]>>): void {
  for (const [source, list] of Object.entries(cases)) {
    describe(`databases in ${source}`, () => {
      for (const [what, files, expected, databases] of list) {
        it(what, async () => {
          assert.deepEqual(linesOf(await findIn(files, databases ? { databases } : {})), expected);
        });
      }
    });
  }
}
