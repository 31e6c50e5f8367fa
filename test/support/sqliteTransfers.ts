import { once } from 'node:events';
import { join } from 'node:path';
import { startOwned } from './childProcesses.ts';
import type { Request, Answer } from './sqliteTransfersChild.ts';

/** Another process that moves money between accounts, one transaction after another, until it is stopped. */
export interface Transfers {
  /** Resolves when that many more transfers are committed. Rejects when one failed. */
  committed(more: number): Promise<void>;
  /** Resolves when the last transfer is committed and the process has gone. Rejects when one failed. */
  stop(): Promise<void>;
}

export const transferAccounts = 20;

/** Every account begins with 1000. Each transfer is logged, under a number from a counter. */
export const transferSchema = `
  CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
  CREATE TABLE transfers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    giver INTEGER NOT NULL REFERENCES accounts,
    taker INTEGER NOT NULL REFERENCES accounts,
    amount INTEGER NOT NULL
  );
  CREATE INDEX transfers_by_giver ON transfers (giver, amount);
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${transferAccounts})
    INSERT INTO accounts SELECT i, 1000 FROM n;`;

/**
 * What is wrong with the money: nothing in any state that was ever committed. The sum is what it was, every account has
 * what the log says, and the counter is at the last transfer.
 */
export const transferMistakes = `
  SELECT 'the sum is ' || sum(balance) AS mistake FROM accounts HAVING sum(balance) <> ${transferAccounts * 1000}
  UNION ALL
  SELECT 'account ' || id || ' has ' || balance FROM accounts AS a WHERE balance <> 1000
    - (SELECT ifnull(sum(amount), 0) FROM transfers WHERE giver = a.id)
    + (SELECT ifnull(sum(amount), 0) FROM transfers WHERE taker = a.id)
  UNION ALL
  SELECT 'the counter is ' || seq FROM sqlite_sequence
    WHERE name = 'transfers' AND seq <> (SELECT max(id) FROM transfers)`;

/**
 * Begins at once, with this journal; resolves when the first transfer is committed. The file holds `transferSchema`.
 */
export async function startTransfers(file: string, journal: string): Promise<Transfers> {
  const script = join(import.meta.dirname, 'sqliteTransfersChild.ts');
  const { child, ended, stop } = await startOwned(process.execPath, [script, file, journal], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ask = async (request: Request): Promise<Answer> => {
    const answered = once(child, 'message').then(([message]) => message as Answer);
    child.send(request);
    const answer = await Promise.race([
      answered,
      ended.then((end): Answer => ({ error: `it ended with ${end}` })),
    ]);
    if (answer.error !== undefined) throw new Error(`The other process failed: ${answer.error}`);
    return answer;
  };
  const count = async (): Promise<number> => (await ask('count')).commits ?? 0;
  const transfers: Transfers = {
    committed: async (more) => {
      const enough = (await count()) + more;
      while ((await count()) < enough) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    stop: async () => {
      try {
        await ask('stop');
      } finally {
        await stop();
      }
    },
  };
  await transfers.committed(1);
  return transfers;
}
