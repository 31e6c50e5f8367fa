import { createReadStream } from 'node:fs';
import * as path from 'node:path';
import { fileReason, RestorePointError } from '../core/errors.ts';
import type { Keys, Lock } from '../archive/encryption/keys.ts';
import type { MadeHere } from '../backup/madeHere.ts';
import type { Manifest } from '../core/manifest.ts';
import type { Session } from '../engines/engine.ts';
import { engineById } from '../engines/registry.ts';
import { restoreRows, type RowsSource } from '../restore/chosenRows/restoreRows.ts';
import type { RestoreArguments } from './arguments.ts';
import { askYes } from './askYes.ts';
import type { Output } from './output.ts';
import { conflictLines, rowsPlanText, rowsText } from './rowsText.ts';
import type { Work } from './terminal.ts';
import { wrong } from './words.ts';

/** What was opened for it. */
export interface RowsWork {
  readonly session: Session;
  readonly keys?: Keys;
  readonly madeHere: MadeHere;
  readonly safetyLock?: Lock;
  /** Where to put a safety backup of the rows; without it, none is taken. */
  readonly safetyFolder?: string;
  /** The id of the connection in the settings. */
  readonly connection?: string;
}

/** Whether a restore of this backup with these arguments is one of rows. Throws `usage` for arguments that do not fit it. */
export function restoresRows(args: RestoreArguments, { writtenRows }: Manifest): boolean {
  if (args.rowsFile !== undefined || args.where) return true;
  if (!writtenRows) {
    if (args.onConflict === undefined) return false;
    throw wrong('--on-conflict needs --rows-file or --where');
  }
  const { tables, only, intoSchema, createDatabase, mode } = args;
  if (!tables && !only && intoSchema === undefined && createDatabase === undefined && mode === 'replace')
    return true;
  throw new RestorePointError(
    'usage',
    'This file holds the rows that a restore wrote, not a database: only all of these rows can be taken back',
    { next: 'Leave out --mode, --tables, --schema-only, --data-only, --into-schema and --create-database.' },
  );
}

/** Restores the rows that the arguments choose, or takes back those that the file holds, and prints the report. */
export async function restoreChosenRows(
  args: RestoreArguments,
  { session, ...opened }: RowsWork,
  output: Output,
  work: Work,
): Promise<void> {
  const source = sourceOf(args, work);
  try {
    const report = await restoreRows(path.resolve(args.file), session, engineById, {
      ...work,
      ...opened,
      ...(source ? { source } : {}),
      onConflict: args.onConflict ?? 'stop',
      deleteAdded: args.deleteAdded || source === undefined,
      withRelated: args.withRelated,
      dryRun: args.dryRun,
      ...(args.yes
        ? {}
        : {
            confirm: async (rehearsed) => {
              output.message(rowsPlanText(rehearsed, session.target));
              return await askYes('Go on? [y/N] ', work.terminal, work.signal);
            },
          }),
    });
    output.result(rowsText(report), report);
  } catch (error) {
    const conflicts = RestorePointError.is(error) ? error.details.conflicts : undefined;
    if (conflicts && !args.json) output.message(conflictLines(conflicts).join('\n'));
    throw error;
  }
}

function sourceOf({ rowsFile, where }: RestoreArguments, { terminal }: Work): RowsSource | undefined {
  if (where) return { kind: 'where', conditions: where };
  if (rowsFile === undefined) return undefined;
  return {
    kind: 'lines',
    lines: rowsFile === '-' ? bytesOf(terminal.stdin) : fileBytes(path.resolve(rowsFile)),
  };
}

async function* bytesOf(stream: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) yield Buffer.from(piece as string | Uint8Array);
}

async function* fileBytes(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of createReadStream(file)) yield piece as Buffer;
  } catch (error) {
    throw new RestorePointError('usage', `The file of rows cannot be read: ${fileReason(error)}`, {
      place: { file },
      cause: error,
    });
  }
}
