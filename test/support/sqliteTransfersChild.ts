/** The other process of sqliteTransfers.ts. */
import { DatabaseSync } from 'node:sqlite';
import { transferAccounts } from './sqliteTransfers.ts';

export type Request = 'count' | 'stop';

export interface Answer {
  /** How many transfers were committed. */
  readonly commits?: number;
  /** Why there will be no more. */
  readonly error?: string;
}

const [file = '', journal = ''] = process.argv.slice(2);
const database = new DatabaseSync(file, { timeout: 20_000 });
database.exec(`PRAGMA journal_mode = ${journal}`);
let commits = 0;
let error: string | undefined;
let stopped = false;

process.on('message', (request: Request) => {
  stopped ||= request === 'stop';
  if (stopped) database.close();
  process.send!({ commits, ...(error === undefined ? {} : { error }) } satisfies Answer);
});

/** Leaves the file alone for a moment after each transfer, as a program does that has something else to do. */
function next(): void {
  if (stopped) return;
  try {
    transfer();
    setTimeout(next, 2);
  } catch (failure) {
    error = failure instanceof Error ? failure.message : String(failure);
  }
}

function transfer(): void {
  const giver = (commits % transferAccounts) + 1;
  const taker = ((commits * 7 + 3) % transferAccounts) + 1;
  const amount = (commits % 13) + 1;
  database.exec('BEGIN IMMEDIATE');
  database.exec(`UPDATE accounts SET balance = balance - ${amount} WHERE id = ${giver}`);
  database.exec(`UPDATE accounts SET balance = balance + ${amount} WHERE id = ${taker}`);
  database.exec(`INSERT INTO transfers (giver, taker, amount) VALUES (${giver}, ${taker}, ${amount})`);
  database.exec('COMMIT');
  commits += 1;
}

next();
