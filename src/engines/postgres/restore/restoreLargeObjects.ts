import { RestorePointError } from '../../../core/errors.ts';
import type { Payload } from '../../../core/payload.ts';
import type { RestoreSource, WorkOptions } from '../../engine.ts';
import { asRole } from './createObjects.ts';
import { withoutEndMark } from '../connect/endMark.ts';
import { quoteIdentifier, quoteLiteral } from '../connect/identifiers.ts';
import type { LargeObjectPlan, StoredRows } from '../schema/extras.ts';
import {
  createStaged,
  emptyExisting,
  lockedQuery,
  makeMissing,
  markMissing,
  pieceBytes,
  piecesQuery,
  runsQuery,
  staged,
  unlikeNewQuery,
  written,
  writtenPieces,
} from '../schema/largeObjectSql.ts';
import { bytesOf, payloadNamed } from '../payload/payloadRows.ts';
import { ByteProgress } from '../rows/progress.ts';
import { RowDigest } from '../rows/rowDigest.ts';
import { changesByRole, type Right } from '../schema/grants.ts';
import type { Transaction } from '../connect/transaction.ts';
import type { Rows } from './verify.ts';

interface StagedObject {
  readonly oid: string;
  readonly owner: string;
  /** As the backup has them: whatever JSON it is. */
  readonly rights: unknown;
  readonly comment: string | null;
}

/** The pieces of an object in one chunk. */
interface PieceRun {
  readonly oid: string;
  readonly first: number;
  readonly last: number;
  readonly pieces: number;
}

interface Change {
  readonly as: string | undefined;
  readonly sql: string;
}

/** Brings large objects back, under their own numbers. Called in this order: `load`, `verify`, `finish`. */
export class LargeObjectRestore {
  readonly #transaction: Transaction;
  readonly #plan: LargeObjectPlan;
  readonly #restore: RestoreSource;
  readonly #options: WorkOptions;
  /** The expected digest of the data that is read back. */
  #expected: Rows;

  constructor(transaction: Transaction, plan: LargeObjectPlan, restore: RestoreSource, options: WorkOptions) {
    this.#transaction = transaction;
    this.#plan = plan;
    this.#restore = restore;
    this.#options = options;
    this.#expected = plan.backup.pieces;
  }

  /** Makes those that are missing, and fills them and those that are overwritten. */
  async load(): Promise<void> {
    const { overwrite, backup } = this.#plan;
    await this.#transaction.run(createStaged);
    const rows = await this.#transaction.copyIn(
      `COPY ${staged.objects} (oid, owner, rights, comment) FROM STDIN`,
      withoutEndMark(this.#restore.source.read(payloadNamed(this.#restore.manifest, backup.objects.payload))),
    );
    requireRows(rows, backup.objects, 'large objects');
    await this.#transaction.run(markMissing);
    await this.#transaction.run(makeMissing);
    if (overwrite) {
      await this.#refuseLocked();
      await this.#transaction.run(emptyExisting);
    }
    requireRows(await this.#fill(), backup.pieces, 'pieces of large objects');
  }

  /** Reads back what was written. Throws `verification`. */
  async verify(): Promise<void> {
    const found = new RowDigest();
    const progress = new ByteProgress('verify', bytesOf(this.#pieces), this.#options.report);
    await this.#read(piecesQuery(written(this.#plan.overwrite)), found, (bytes) => progress.add(bytes));
    const { rows, digest } = found;
    if (rows === this.#expected.rows && digest === this.#expected.digest) return;
    throw new RestorePointError('verification', 'The large objects are not the same as in the backup');
  }

  /** Gives those that were made their comments, owners and rights. */
  async finish(): Promise<void> {
    for (let last = '-1'; ;) {
      const objects = await this.#transaction.rows<StagedObject>(unlikeNewQuery, [last]);
      await this.#change(objects.flatMap((object) => this.#makeOwned(object)));
      await this.#change(objects.flatMap((object) => this.#giveRights(object)));
      const next = objects.at(-1);
      if (!next) return;
      last = next.oid;
    }
  }

  /** Through a table that holds one chunk at a time: all of it could be more than there is room for twice. */
  async #fill(): Promise<number> {
    const { overwrite } = this.#plan;
    const progress = new ByteProgress('load', bytesOf(this.#pieces), this.#options.report);
    const expected = new RowDigest();
    let rows = 0;
    let ends: ReadonlyMap<string, number> = new Map();
    const pieces = this.#restore.source.read(this.#pieces, this.#options.signal);
    for await (const chunk of withoutEndMark(pieces)) {
      await this.#transaction.run(`TRUNCATE ${staged.pieces}`);
      rows += await this.#transaction.copyIn(`COPY ${staged.pieces} FROM STDIN`, only(chunk));
      ends = await this.#refuseGaps(ends);
      const stagedPieces = writtenPieces(overwrite);
      await this.#transaction.run(`SELECT lo_put(w.oid, w.place, w.bytes) FROM (${stagedPieces}) w`);
      if (!overwrite) await this.#read(stagedPieces, expected);
      progress.add(chunk.length);
    }
    if (!overwrite) this.#expected = { rows: expected.rows, digest: expected.digest };
    return rows;
  }

  /**
   * A piece far behind the others would make an object of terabytes, which is read back. An object goes on in the next
   * chunk at most: `ends` are the end positions of the previous chunk. Resolves to those of this one.
   */
  async #refuseGaps(ends: ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const runs = await this.#transaction.rows<PieceRun>(runsQuery);
    const gap = runs.find(
      ({ oid, first, last, pieces }) =>
        first !== (ends.get(oid) ?? 0) || last !== first + (pieces - 1) * pieceBytes,
    );
    if (gap) {
      throw new RestorePointError('damaged-backup', `The large object ${gap.oid} has a gap`, {
        place: { entry: this.#pieces.name },
      });
    }
    return new Map(runs.map(({ oid, last }) => [oid, last + pieceBytes]));
  }

  get #pieces(): Payload {
    return payloadNamed(this.#restore.manifest, this.#plan.backup.pieces.payload);
  }

  async #read(
    sql: string,
    into: RowDigest,
    report: (bytes: number) => void = () => undefined,
  ): Promise<void> {
    await this.#transaction.copyOut(`COPY (${sql}) TO STDOUT`, (piece) => {
      report(piece.length);
      into.add(piece);
    });
  }

  async #refuseLocked(): Promise<void> {
    const locked = await this.#transaction.rows<{ name: string }>(lockedQuery);
    if (locked.length === 0) return;
    throw new RestorePointError(
      'refused',
      `This user may not write the large objects ${locked.map(({ name }) => name).join(', ')}`,
      { next: 'Restore as their owner, or with UPDATE and SELECT on them.' },
    );
  }

  #makeOwned({ oid, owner, comment }: StagedObject): Change[] {
    const as = undefined;
    const object = `LARGE OBJECT ${oid}`;
    return [
      ...(comment === null ? [] : [{ as, sql: `COMMENT ON ${object} IS ${quoteLiteral(comment)}` }]),
      ...(this.#plan.owners.includes(owner)
        ? [{ as, sql: `ALTER ${object} OWNER TO ${quoteIdentifier(owner)}` }]
        : []),
    ];
  }

  #giveRights({ oid, owner, rights }: StagedObject): Change[] {
    const { owners, grantees, grantors } = this.#plan;
    if (rights === null) return [];
    if (!areRights(rights)) {
      throw new RestorePointError('damaged-backup', `The privileges of the large object ${oid} are invalid`, {
        place: { entry: this.#plan.backup.objects.payload },
      });
    }
    if (!owners.includes(owner)) return [];
    const usual = ['SELECT', 'UPDATE'].map((privilege) => ({
      grantor: owner,
      grantee: owner,
      privilege,
      grantable: false,
    }));
    return changesByRole({ given: rights, usual }, owner)
      .filter(
        ({ grantor, grantee }) =>
          (grantor === owner || grantors.includes(grantor)) &&
          (grantee === null || grantee === owner || grantees.includes(grantee)),
      )
      .flatMap(({ grantor, changes }) =>
        changes.map((change) => ({ as: grantor, sql: change(`ON LARGE OBJECT ${oid}`) })),
      );
  }

  /** Many at once, as long as the same role makes them. */
  async #change(changes: readonly Change[]): Promise<void> {
    for (let start = 0, end = 0; start < changes.length; start = end) {
      const { as } = changes[start]!;
      while (changes[end]?.as === as && end < changes.length) end += 1;
      const sql = changes.slice(start, end).map((change) => change.sql);
      await asRole(this.#transaction, as, async () => void (await this.#transaction.run(sql.join(';\n'))));
    }
  }
}

const privileges: readonly unknown[] = ['SELECT', 'UPDATE'];

/** They become parts of statements: nothing but what the format has may be in them. */
function areRights(rights: unknown): rights is readonly Right[] {
  const isRole = (role: unknown): boolean => typeof role === 'string' && role !== '';
  const isRight = (right: unknown): boolean => {
    if (typeof right !== 'object' || right === null) return false;
    const { grantor, grantee, privilege, grantable } = right as Partial<Record<keyof Right, unknown>>;
    const roles = isRole(grantor) && (grantee === null || isRole(grantee));
    return roles && privileges.includes(privilege) && typeof grantable === 'boolean';
  };
  return Array.isArray(rights) && rights.every(isRight);
}

async function* only(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield await Promise.resolve(bytes);
}

function requireRows(rows: number, stored: StoredRows, what: string): void {
  if (rows === stored.rows) return;
  throw new RestorePointError(
    'verification',
    `${rows} ${what} were loaded, but the backup has ${stored.rows}`,
  );
}
