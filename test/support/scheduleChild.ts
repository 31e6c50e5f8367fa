/**
 * A process with a schedule runner, as a window has one. Its first argument says all of it, as JSON. It writes a line for
 * each run, and ends when its standard input does.
 */
import { newBackupFile } from '../../src/backup/backupFiles.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { engineById, parseDatabaseUrl } from '../../src/engines/registry.ts';
import { useSession } from '../../src/engines/useSession.ts';
import { type Clock, ScheduleRunner } from '../../src/schedule/runner.ts';
import type { LockTimes } from '../../src/schedule/runLock.ts';
import { parseSchedule } from '../../src/schedule/schedule.ts';
import { takeScheduledBackup } from '../../src/schedule/takeScheduledBackup.ts';

export interface ChildOrder {
  readonly stateFolder: string;
  readonly folder: string;
  readonly url: string;
  readonly schedule: unknown;
  /** Its clock runs so many times faster. */
  readonly speed: number;
  /** Of its clock, at the real time `begun`. */
  readonly start: number;
  readonly begun: number;
  readonly lockTimes: LockTimes;
  /** It stops in the middle of its first run, and shows no life any more. */
  readonly hang: boolean;
}

const order = JSON.parse(process.argv[2]!) as ChildOrder;
const { speed, start, begun } = order;
const clock: Clock = {
  now: () => start + (Date.now() - begun) * speed,
  setTimeout(run, milliseconds) {
    const timer = setTimeout(run, milliseconds / speed);
    return () => clearTimeout(timer);
  },
};
const { address } = parseDatabaseUrl(order.url)!;
const engine = engineById(address.engine);
const runner = new ScheduleRunner({
  ...{ clock, stateFolder: order.stateFolder, lockTimes: order.lockTimes, logger: silentLogger },
  list: () => [
    {
      ...{ key: 'shop', name: 'Shop', connection: 'shop', target: order.url, folder: order.folder },
      schedule: parseSchedule(order.schedule, 'shop'),
    },
  ],
  async backUp(_, last) {
    const began = clock.now();
    if (order.hang) {
      say({ kind: 'hanging', began });
      await new Promise(() => undefined);
    }
    const result = await useSession(engine, address, { readOnly: true, logger: silentLogger }, (session) =>
      takeScheduledBackup(session, {
        logger: silentLogger,
        engines: engineById,
        newFile: () => newBackupFile(order.folder, 'shop', { encrypted: false }),
        ...(last?.sign === undefined ? {} : { lastSign: last.sign }),
      }),
    );
    say({ kind: result.kind, began });
    if (result.kind === 'unchanged') return result;
    return { kind: 'backedUp', file: result.report.file, ...(result.sign ? { sign: result.sign } : {}) };
  },
  tell: (_, failure) => say({ kind: 'told', reason: failure.reason }),
  changed: () => undefined,
});

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

await runner.look();
say({ kind: 'started' });
process.stdin.resume().once('end', () => void runner.stop().then(() => process.exit()));
