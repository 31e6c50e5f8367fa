import { RestorePointError } from '../../../../core/errors.ts';
import { formatTableName, tableKey, type TableName } from '../../../../core/names.ts';
import { quoteIdentifier, quoteName } from '../../connect/identifiers.ts';
import { lockTables } from '../../connect/locks.ts';
import type { Transaction } from '../../connect/transaction.ts';
import { giveBack, type Loan, loadRights, loansOf, type Rights, take, unforce } from '../../schema/rights.ts';
import { type Armed, disarm, findArmed, rearm } from '../disarm.ts';
import { EventTriggers, refuseEventTriggers } from '../eventTriggers.ts';
import type { ChosenStaging } from './chosenStaging.ts';

/** What must not act while chosen rows are written, and the rights and locks that this takes. */
export class RowRights {
  readonly #transaction: Transaction;
  readonly #events: EventTriggers;
  #stagings: readonly ChosenStaging[] = [];
  #loans: Loan[] = [];
  #armed: Armed[] = [];

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
    this.#events = new EventTriggers(transaction);
  }

  /** Runs before everything else: temporary tables are made too. Throws `refused`. */
  async disarmEvents(): Promise<void> {
    await this.#refuseTemporary();
    const [refusal] = await refuseEventTriggers(this.#transaction, {
      all: new Set(['CREATE TABLE', 'CREATE TABLE AS', 'CREATE INDEX', 'ALTER SEQUENCE']),
      dropping: new Set(),
    });
    if (refusal) throw refusal;
    await this.#events.disable();
  }

  /** When it is known which rows there are: throws `refused` where this user may not write them all, and locks the tables. */
  async prepare(stagings: readonly ChosenStaging[]): Promise<void> {
    this.#stagings = stagings;
    const names = stagings.map(({ chosen }) => chosen.table.name);
    const rights = new Map(
      (await loadRights(this.#transaction, names)).map((one) => [tableKey(one.name), one]),
    );
    for (const staging of stagings) {
      const own = rights.get(tableKey(staging.chosen.table.name));
      if (!own) throw gone(staging.chosen.table.name);
      const { came } = staging;
      const refusal = refuse(own, came.inserts, came.deletes);
      if (refusal) throw refusal;
    }
    const { armed, exclusive } = await this.#findArmed();
    const forced = [...rights.values()].flatMap(unforce);
    this.#loans = [...rights.values()].flatMap(loansOf);
    await this.#refuseEvents(armed, forced);
    await take(this.#transaction, this.#loans);
    const ordered = new Map(names.map((name) => [tableKey(name), name]));
    for (const key of [...ordered.keys()].sort()) {
      const alone = exclusive.has(key) || unforce(rights.get(key)!).length > 0;
      await lockTables(
        this.#transaction,
        [ordered.get(key)!],
        alone ? 'ACCESS EXCLUSIVE' : 'SHARE ROW EXCLUSIVE',
      );
    }
    await take(this.#transaction, forced);
    this.#loans.push(...forced);
  }

  /**
   * When it is known what is to be done: rows that are gone may have to be inserted instead of changed. Switches off what
   * acts on rows.
   */
  async disarm(): Promise<void> {
    const names = this.#stagings.map(({ chosen }) => chosen.table.name);
    const rights = new Map(
      (await loadRights(this.#transaction, names)).map((one) => [tableKey(one.name), one]),
    );
    for (const staging of this.#stagings) {
      await staging.countActions();
      const { chosen, actions } = staging;
      const refusal = refuse(rights.get(tableKey(chosen.table.name))!, actions.has('i'), actions.has('d'));
      if (refusal) throw refusal;
    }
    // Until the tables were locked others could still change them.
    const { armed } = await this.#findArmed();
    await disarm(this.#transaction, armed);
    this.#armed = armed;
  }

  /** Puts everything back, as the last thing before the commit. */
  async rearm(): Promise<void> {
    await rearm(this.#transaction, this.#armed);
    await giveBack(this.#transaction, this.#loans);
    await this.#events.enable();
  }

  async #findArmed(): Promise<{ readonly armed: Armed[]; readonly exclusive: ReadonlySet<string> }> {
    const all: Armed[] = [];
    const exclusive = new Set<string>();
    for (const { chosen, keyNames } of this.#stagings) {
      const { name } = chosen.table;
      const table = { target: name, columns: chosen.columns, key: keyNames };
      const { armed, refusals } = await findArmed(this.#transaction, [table], 'merge');
      if (refusals[0]) throw refusals[0];
      all.push(...armed);
      if (armed.some((one) => one.exclusive)) exclusive.add(tableKey(name));
    }
    return { armed: all, exclusive };
  }

  async #refuseEvents(armed: readonly Armed[], forced: readonly Loan[]): Promise<void> {
    const tags = [
      ...(armed.length > 0 || forced.length > 0 ? ['ALTER TABLE'] : []),
      ...(this.#loans.length > 0 ? ['GRANT', 'REVOKE'] : []),
    ];
    const [refusal] = await refuseEventTriggers(this.#transaction, {
      all: new Set(tags),
      dropping: new Set(),
    });
    if (refusal) throw refusal;
  }

  async #refuseTemporary(): Promise<void> {
    const [found] = await this.#transaction.rows<{ may: boolean; database: string; user: string }>(
      `SELECT has_database_privilege(current_database(), 'TEMPORARY') AS may, current_database() AS database,
              current_user AS user`,
    );
    if (found!.may) return;
    const database = `DATABASE ${quoteIdentifier(found!.database)}`;
    throw new RestorePointError(
      'refused',
      `TEMPORARY on ${database} has not been granted to ${found!.user}`,
      {
        next: `Let its owner run: GRANT TEMPORARY ON ${database} TO ${quoteIdentifier(found!.user)}`,
      },
    );
  }
}

function gone(name: TableName): RestorePointError {
  return new RestorePointError('usage', 'There is no such table any more', {
    place: { table: formatTableName(name) },
  });
}

function refuse(
  { name, owned, owner, user, enters, held, hidden }: Rights,
  inserts: boolean,
  deletes: boolean,
): RestorePointError | undefined {
  const place = { table: formatTableName(name) };
  // UPDATE also locks the table, and the rows against new references to them.
  const needed = [
    'SELECT' as const,
    ...(inserts ? (['INSERT'] as const) : []),
    'UPDATE' as const,
    ...(deletes ? (['DELETE'] as const) : []),
  ];
  const missing = enters ? needed.filter((privilege) => !held.includes(privilege)) : ['USAGE'];
  if (!enters || (missing.length > 0 && !owned)) {
    const what = enters ? `TABLE ${quoteName(name)}` : `SCHEMA ${quoteIdentifier(name.schema ?? '')}`;
    return new RestorePointError(
      'refused',
      `${missing.join(', ')} ${enters ? 'on it' : 'on its schema'} has not been granted to ${user}`,
      {
        place,
        next: `Restore as ${owner}, or ask it to run: GRANT ${missing.join(', ')} ON ${what} TO ${quoteIdentifier(user)}`,
      },
    );
  }
  if (!hidden || owned) return undefined;
  return new RestorePointError('refused', 'Row-level security may hide some of its rows from this user', {
    place,
    next: 'Use its owner or a role with BYPASSRLS.',
  });
}
