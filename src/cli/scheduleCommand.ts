import { realpath } from 'node:fs/promises';
import * as path from 'node:path';
import { connectionProperties, isConnectionId } from '../core/connectionSettings.ts';
import { RestorePointError } from '../core/errors.ts';
import { parseDatabaseUrl } from '../engines/registry.ts';
import { nextRuns, parseSchedule, type Schedule, scheduleExamples } from '../schedule/schedule.ts';
import { unitText } from '../schedule/units.ts';
import { connectionItem } from './connection.ts';
import type { Output } from './output.ts';
import type { ScheduleArguments } from './scheduleArguments.ts';

/** Prints what takes backups regularly without VS Code. It connects to nothing, and no password is in it. */
export async function schedule(args: ScheduleArguments, output: Output): Promise<void> {
  const folder = process.cwd();
  const parsed = parseDatabaseUrl(args.connection);
  if (parsed?.password !== undefined) {
    throw new RestorePointError(
      'usage',
      'The URL contains a password, which would be part of the printed text',
      {
        next: 'Remove it, and use a pgpass file or a connection with "passwordEnv" in the settings.',
      },
    );
  }
  const item = parsed ? {} : await connectionItem(args.connection, folder);
  const connection = parsed ? absolute(args.connection, parsed.address.file) : args.connection;
  const found = scheduleOf(args, item);
  const text = unitText(args.print, {
    schedule: found,
    connection,
    isFile: parsed?.address.file !== undefined,
    name: nameOf(
      parsed ? (parsed.address.database ?? path.basename(parsed.address.file ?? 'database')) : connection,
    ),
    node: process.execPath,
    cli: await realpath(process.argv[1]!),
    folder,
    out: args.print === 'github' ? (args.out ?? 'backups') : path.resolve(folder, args.out ?? 'backups'),
    variables: variablesOf(item),
  });
  const now = Date.now();
  const next = nextRuns(found, { since: now, lastRun: now }, now, 3).map((time) =>
    new Date(time).toISOString(),
  );
  output.result(text, { kind: args.print, schedule: found.text, text, next });
}

function scheduleOf(args: ScheduleArguments, item: Readonly<Record<string, unknown>>): Schedule {
  const value = args.schedule ?? item['schedule'];
  if (value !== undefined)
    return parseSchedule(value, isConnectionId(args.connection) ? args.connection : 'database');
  throw new RestorePointError('usage', 'No schedule was given', {
    next: `Add --every "30 minutes" or --at with one of ${scheduleExamples
      .slice(2)
      .map((text) => `"${text}"`)
      .join(', ')}.`,
  });
}

/** A SQLite file is found from any folder. */
function absolute(url: string, file: string | undefined): string {
  return file === undefined ? url : `sqlite:${path.resolve(file)}`;
}

function nameOf(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-.]+/, '') || 'database';
}

/** The environment variables that a connection in the settings names. */
function variablesOf(item: Readonly<Record<string, unknown>>): string[] {
  const names = connectionProperties.flatMap((name) => {
    const value = item[name];
    if (typeof value !== 'string') return [];
    return name === 'passwordEnv'
      ? [value]
      : [...value.matchAll(/\$\{env:([^}]*)\}/g)].map(([, found]) => found!);
  });
  // By mistake, users write the password itself there.
  const all = item['encrypt'] === 'passphrase' ? [...names, 'RESTORE_POINT_PASSPHRASE'] : names;
  return [...new Set(all)].filter((name) => /^\w+$/.test(name)).sort();
}
