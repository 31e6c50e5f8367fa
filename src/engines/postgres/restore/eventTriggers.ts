import { RestorePointError } from '../../../core/errors.ts';
import { quoteIdentifier } from '../connect/identifiers.ts';
import type { Transaction } from '../connect/transaction.ts';

interface EventTrigger {
  readonly name: string;
  readonly event: string;
  /** `O` is the usual one, `A` always, `R` on replicas. */
  readonly state: 'O' | 'A' | 'R';
  /** The commands that it acts on; null: all. */
  readonly tags: readonly string[] | null;
  readonly owner: string;
  readonly owned: boolean;
}

/** Commands that a restore will run, by their tags, and of these the ones that drop something. */
export interface Commands {
  readonly all: ReadonlySet<string>;
  readonly dropping: ReadonlySet<string>;
}

const enable = { O: 'ENABLE', A: 'ENABLE ALWAYS', R: 'ENABLE REPLICA' };

/**
 * Event triggers act on statements that define something. Those of a restore bring back what was there, so they are off
 * in its transaction, also those that it makes itself. Nobody else sees that.
 */
export class EventTriggers {
  readonly #transaction: Transaction;
  readonly #disabled: EventTrigger[] = [];

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  /** Switches off those that are on and that this user may switch off. */
  async disable(): Promise<void> {
    const found = await loadEventTriggers(this.#transaction);
    if (found.length === 0) return;
    if (await maySetOff(this.#transaction)) {
      await this.#transaction.run('SET LOCAL event_triggers = off');
      return;
    }
    const own = found.filter(({ owned }) => owned);
    if (own.length === 0) return;
    // Two transactions cannot change one: the second would fail instead of waiting.
    await this.#transaction.rows(
      `SELECT pg_advisory_xact_lock('pg_event_trigger'::regclass::oid::bigint)::text`,
    );
    for (const trigger of own) {
      await this.#transaction.run(`ALTER EVENT TRIGGER ${quoteIdentifier(trigger.name)} DISABLE`);
      this.#disabled.push(trigger);
    }
  }

  /** Puts them back into the state in which they were, as the last thing before the commit. */
  async enable(): Promise<void> {
    for (const { name, state } of this.#disabled) {
      await this.#transaction.run(`ALTER EVENT TRIGGER ${quoteIdentifier(name)} ${enable[state]}`);
    }
  }
}

/** Why the event triggers that would act on these commands, and that this user may not switch off, stop a restore. */
export async function refuseEventTriggers(
  transaction: Transaction,
  commands: Commands,
): Promise<RestorePointError[]> {
  if (commands.all.size === 0 || (await maySetOff(transaction))) return [];
  const found = await loadEventTriggers(transaction);
  return found
    .filter((trigger) => !trigger.owned && acts(trigger, commands))
    .map(
      ({ name, event, owner }) =>
        new RestorePointError(
          'refused',
          `the event trigger ${name} (${event}) would fire during the restore, and only ${owner} may disable it`,
          {
            next: `Restore as ${owner}, or let it run: ALTER EVENT TRIGGER ${quoteIdentifier(name)} DISABLE`,
          },
        ),
    );
}

function acts({ event, tags }: EventTrigger, { all, dropping }: Commands): boolean {
  // Nothing in a restore makes the server rewrite a table.
  if (event === 'table_rewrite') return false;
  const commands = event === 'sql_drop' ? dropping : all;
  return tags === null ? commands.size > 0 : tags.some((tag) => commands.has(tag));
}

/** The tag of the command that makes an object. */
export function tagOf(sql: string): string {
  const words = sql
    .replace(/^CREATE (?:OR REPLACE |UNIQUE |UNLOGGED |DEFAULT |CONSTRAINT )/, 'CREATE ')
    .replace(/^ALTER DEFAULT PRIVILEGES .*/s, 'ALTER DEFAULT PRIVILEGES');
  if (/^(?:COMMENT|GRANT|REVOKE) /.test(words)) return words.slice(0, words.indexOf(' '));
  return /^[A-Z]+(?: [A-Z]+)*/.exec(words)?.[0].replace(/ (?:ONLY|ON|FOR)$/, '') ?? words;
}

/** The event triggers that are enabled in this session, except those that fire on login. */
function loadEventTriggers(transaction: Transaction): Promise<EventTrigger[]> {
  return transaction.rows<EventTrigger>(
    `SELECT evtname AS name, evtevent AS event, evtenabled::text AS state, evttags AS tags,
            pg_get_userbyid(evtowner) AS owner, pg_has_role(evtowner, 'USAGE') AS owned
       FROM pg_event_trigger
      WHERE evtenabled IN ('A', CASE current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END)
        AND evtevent <> 'login' ORDER BY evtname`,
  );
}

/** From PostgreSQL 17 on, a setting switches all of them off. */
async function maySetOff(transaction: Transaction): Promise<boolean> {
  if (transaction.database.server.version < 170_000) return false;
  const [row] = await transaction.rows<{ may: boolean }>(
    `SELECT has_parameter_privilege('event_triggers', 'SET') AS may`,
  );
  return row!.may;
}
