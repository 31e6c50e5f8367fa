import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { DatabaseAddress } from '../../../core/connections.ts';
import { messageOf, RestorePointError } from '../../../core/errors.ts';
import { isRunning } from '../../../core/processes.ts';
import type { CreatedDatabase, ScratchOptions } from '../../engine.ts';
import { createDatabase, onServer, type Run } from './createDatabase.ts';
import { quoteIdentifier } from './identifiers.ts';

const prefix = 'restore_point_proof';

/** A process on another machine or in another container cannot be seen: its database is left alone for so long. */
const staleAfter = 24 * 60 * 60 * 1000;

/** See `Engine.createScratch`. Databases that killed processes of this machine left on the server are dropped before. */
export async function createScratch(
  address: DatabaseAddress | undefined,
  options: ScratchOptions,
): Promise<CreatedDatabase> {
  if (!address) throw new RestorePointError('usage', 'A PostgreSQL server is needed to restore this backup');
  await onServer(address, options, (run) => dropLeftovers(run, options));
  const name = newName();
  await options.names.add(name);
  return await createDatabase(address, name, options.source, options);
}

/** It contains the time, the process and the machine. The random part is what nobody else can know. */
function newName(): string {
  return [prefix, Date.now().toString(36), process.pid, thisMachine(), randomBytes(6).toString('hex')].join(
    '_',
  );
}

function thisMachine(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
}

/** Only databases whose names this machine has recorded. What fails is logged: it does not stop the work. */
async function dropLeftovers(run: Run, { names, logger }: ScratchOptions): Promise<void> {
  const found = await run('SELECT datname AS name FROM pg_catalog.pg_database WHERE datname LIKE $1', [
    `${prefix.replaceAll('_', '\\_')}\\_%`,
  ]);
  for (const { name = '' } of found) {
    const left = stateOf(name);
    if (left === 'in use' || !(await names.has(name))) continue;
    // A process on another machine may still use it: then the server refuses.
    const force = left === 'abandoned' ? ' WITH (FORCE)' : '';
    try {
      await run(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)}${force}`);
      logger.info(`Dropped the database ${name}, which a killed process left`);
    } catch (error) {
      logger.warn(`The database ${name}, which a killed process left, was not dropped: ${messageOf(error)}`);
    }
  }
}

function stateOf(name: string): 'in use' | 'abandoned' | 'old' {
  const [time = '', pid = '', machine] = name.slice(prefix.length + 1).split('_');
  if (machine === thisMachine() && !isRunning(Number(pid))) return 'abandoned';
  return Date.now() - parseInt(time, 36) > staleAfter ? 'old' : 'in use';
}
