import { Archive } from '../archive/archiveReader.ts';
import type { Keys } from '../archive/encryption/keys.ts';
import type { MadeHere } from '../backup/madeHere.ts';
import { compareSides } from '../compare/compareSides.ts';
import { type ComparedContent, restoreDifferences } from '../compare/comparisonResult.ts';
import type { DatabaseAddress } from '../core/connections.ts';
import type { DifferenceCounts } from '../core/differences.ts';
import { cancelled, describeError, type ErrorCode, messageOf, RestorePointError } from '../core/errors.ts';
import type { EngineId, Manifest } from '../core/manifest.ts';
import { requireTables } from '../core/needsTables.ts';
import type { PlannedObject } from '../core/plan.ts';
import { type DatabaseSchema, objectKey } from '../core/schema.ts';
import type {
  ConnectOptions,
  CreatedDatabase,
  Engine,
  ScratchNames,
  Session,
  WorkOptions,
} from '../engines/engine.ts';
import type { CodeToRun } from './codeToRun.ts';
import { restoreBackup } from './restoreBackup.ts';

export interface ProveOptions extends WorkOptions {
  readonly engines: (id: EngineId) => Engine;
  readonly keys?: Keys;
  /** The server on which the scratch database is created, for engines that have servers. */
  readonly server?: { readonly address: DatabaseAddress; readonly password?: string };
  readonly madeHere?: MadeHere;
  /** See `RestoreOptions`. */
  mayRun(code: CodeToRun, fingerprint: string): Promise<boolean>;
  /** Records the scratch databases. */
  readonly names: ScratchNames;
  /** How to name another server where this one refuses, as a sentence. */
  readonly otherServer: string;
}

/** The result of a proof: what was compared, or why the backup is not proved. */
export interface ProofReport {
  readonly file: string;
  /** Those by which this file is found; see `Archive`. */
  readonly fingerprints: readonly string[];
  readonly proved: boolean;
  /** What was compared and is the same. */
  readonly tables: number;
  readonly rows: number;
  readonly objects: number;
  /** Why the backup is not proved, as sentences: the error of the restore, or what differs after it. */
  readonly problems: readonly string[];
  /** The code of the error that ended the restore. */
  readonly code?: ErrorCode;
  /** What to do next, as a sentence. */
  readonly next?: string;
  /** What a restore does not bring back, or what was not compared, as sentences. */
  readonly notes: readonly string[];
  readonly milliseconds: number;
}

/** What the restore and the comparison have shown. */
type Finding = Omit<ProofReport, 'file' | 'fingerprints' | 'proved' | 'milliseconds'>;

const nothing = { tables: 0, rows: 0, objects: 0, notes: [] };

/**
 * Proves that a backup can be restored: restores it into a scratch database, compares its rows and its schema with the
 * backup, and drops that database. Touches no other database. A backup that cannot be restored is a result. Throws what says
 * nothing about it: `connection`, `usage`, `refused` (nobody may create a database, or run its statements), `locked`, `file`,
 * `cancelled`, and `damaged-backup` for a file whose manifest cannot be read.
 */
export async function proveBackup(file: string, options: ProveOptions): Promise<ProofReport> {
  const started = performance.now();
  const archive = await Archive.open(file, options.engines, options.keys);
  await archive.close();
  const { manifest, fingerprint, seal } = archive;
  refuseUnprovable(manifest, file);
  const engine = options.engines(manifest.source.engine);
  const { server, names, signal, logger } = options;
  const making = engine.createScratch(server?.address, {
    ...{ logger, names, source: manifest.source },
    ...(signal ? { signal } : {}),
    ...(server?.password === undefined ? {} : { password: server.password }),
    ...(archive.encryption ? { secretBytes: payloadBytes(manifest) } : {}),
  });
  const scratch = await making.catch((error: unknown) => {
    throw RestorePointError.is(error, 'refused') ? orElsewhere(error, options) : error;
  });
  let found: Finding;
  try {
    found = await examine(archive, engine, scratch, options);
  } finally {
    await drop(scratch, engine, options);
  }
  return {
    file,
    fingerprints: [fingerprint, ...(seal === undefined ? [] : [seal])],
    proved: found.problems.length === 0,
    ...found,
    milliseconds: Math.round(performance.now() - started),
  };
}

function orElsewhere({ code, message, details }: RestorePointError, { otherServer }: ProveOptions): unknown {
  const next = [details.next, otherServer].filter(Boolean).join(' ');
  return new RestorePointError(code, message, { ...details, next });
}

function payloadBytes({ payloads }: Manifest): number {
  return payloads.flatMap(({ chunks }) => chunks).reduce((sum, { bytes }) => sum + bytes, 0);
}

function refuseUnprovable(manifest: Manifest, file: string): void {
  requireTables(manifest, file, 'It cannot be proved');
  if (manifest.only !== 'data') return;
  throw new RestorePointError(
    'refused',
    'The backup contains only rows, and no tables to restore them into',
    {
      place: { file },
      next: 'Prove a backup that also contains the schema.',
    },
  );
}

/** What cannot be dropped is dropped by a later proof. */
async function drop(scratch: CreatedDatabase, engine: Engine, { logger }: WorkOptions): Promise<void> {
  await scratch.drop().catch((error: unknown) => {
    logger.warn(
      `${engine.describe(scratch.address)} was created for the proof and could not be dropped: ${messageOf(error)}`,
    );
  });
}

async function examine(
  archive: Archive,
  engine: Engine,
  scratch: CreatedDatabase,
  options: ProveOptions,
): Promise<Finding> {
  const { server, signal, logger, report } = options;
  const work = { logger, ...(signal ? { signal } : {}), ...(report ? { report } : {}) };
  const open = { ...work, ...(server?.password === undefined ? {} : { password: server.password }) };
  const created: PlannedObject[] = [];
  const writing = { ...open, readOnly: false, create: engine.features.createsDatabase };
  const restored = await inScratch(engine, scratch, writing, (session) =>
    restoreIntoScratch(archive, session, created, options),
  );
  if ('problems' in restored) return restored;
  const found = await inScratch(engine, scratch, { ...open, readOnly: true }, (session) =>
    compareScratch(archive, session, created, options),
  );
  return { ...found, notes: [...scratch.warnings, ...restored.warnings, ...found.notes] };
}

async function inScratch<Result>(
  engine: Engine,
  { address }: CreatedDatabase,
  options: ConnectOptions,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const session = await engine.connect(address, options);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** Resolves to why it cannot be restored, or to the warnings of the restore. */
async function restoreIntoScratch(
  archive: Archive,
  session: Session,
  created: PlannedObject[],
  { engines, names: _, server: _server, otherServer: _otherServer, ...options }: ProveOptions,
): Promise<Finding | { readonly warnings: readonly string[] }> {
  let allowed = true;
  const ask = async (code: CodeToRun, fingerprint: string): Promise<boolean> => {
    allowed = false;
    allowed = (await options.madeHere?.has(fingerprint)) || (await options.mayRun(code, fingerprint));
    return allowed;
  };
  try {
    const { warnings } = await restoreBackup(archive.file, session, engines, {
      ...options,
      mode: 'replace',
      withRelated: false,
      mayRun: ask,
      confirm: (plan) => {
        created.push(...plan.create);
        return Promise.resolve(true);
      },
    });
    return { warnings };
  } catch (error) {
    if (!allowed || !isAboutBackup(error)) throw error;
    const { unchanged: _unchanged, next, ...details } = error.details;
    const bare = new RestorePointError(error.code, error.message, details);
    return {
      ...nothing,
      problems: [describeError(bare)],
      code: error.code,
      ...(next === undefined ? {} : { next }),
    };
  }
}

/** Whether another attempt would end like this one. */
function isAboutBackup(error: unknown): error is RestorePointError {
  if (!RestorePointError.is(error) || error.details.mayPass === true) return false;
  return ['damaged-backup', 'refused', 'database', 'verification'].includes(error.code);
}

async function compareScratch(
  archive: Archive,
  session: Session,
  created: readonly PlannedObject[],
  { signal, logger, report, ...options }: ProveOptions,
): Promise<Finding> {
  const work = { logger, ...(signal ? { signal } : {}), ...(report ? { report } : {}) };
  const { manifest, file } = archive;
  const counts = new Map<number, DifferenceCounts>();
  let pairing: ComparedContent['pairing'] | undefined;
  const parts = compareSides(
    { kind: 'backup', file, ...(options.keys ? { keys: options.keys } : {}) },
    { kind: 'database', session },
    {
      ...work,
      engines: options.engines,
      madeHere: async (fingerprint) => (await options.madeHere?.has(fingerprint)) ?? false,
      rows: 0,
    },
  );
  for await (const part of parts) {
    if (part.part === 'overview') pairing = part;
    else if (part.part === 'counts') counts.set(part.table, part.counts);
  }
  if (!pairing) throw cancelled();
  const schema = compareSchemas(manifest, created, await session.introspect(work));
  const problems = [...restoreDifferences({ pairing, counts }), ...schema.problems];
  return {
    tables: pairing.tables.length,
    rows: [...counts.values()].reduce((sum, { same }) => sum + same, 0),
    objects: schema.same,
    problems,
    notes: pairing.notes,
    ...(problems.length === 0
      ? {}
      : { next: 'Take a new backup and prove it. Report this: a restore should bring back what was there.' }),
  };
}

/**
 * Compares the objects of the backup with those that the restore made; both texts are the server's own. A property (an owner,
 * a right) that this server or user cannot have is no difference: the restore warns about it. Nor is what needs something that
 * a partial backup does not hold.
 */
function compareSchemas(
  manifest: Manifest,
  created: readonly PlannedObject[],
  { objects }: DatabaseSchema,
): { readonly same: number; readonly problems: readonly string[] } {
  // Several settings of one object have one key.
  const found = Map.groupBy(objects, objectKey);
  const held = new Set(manifest.objects.map(objectKey));
  const made = new Set(created.map(objectKey));
  const whole = manifest.complete || manifest.allObjects === true;
  const problems: string[] = [];
  let same = 0;
  for (const object of manifest.objects) {
    const key = objectKey(object);
    const possible = (object.needs ?? []).every((needed) => held.has(needed) || found.has(needed));
    const carried = whole || object.table !== undefined;
    const expected = made.has(key) || (object.of === undefined && carried && possible);
    if (found.get(key)?.some(({ sql }) => sql === object.sql)) same += 1;
    else if (expected && found.has(key)) problems.push(`${key} is different after the restore`);
    else if (expected) problems.push(`${key} is missing after the restore`);
  }
  if (whole) {
    const added = objects.filter((object) => object.of === undefined && !held.has(objectKey(object)));
    problems.push(...added.map((object) => `${objectKey(object)} is not in the backup`));
  }
  return { same, problems };
}
