import * as vscode from 'vscode';
import type { Keys } from '../../archive/encryption/keys.ts';
import type { CountedTable } from '../../compare/countDifferences.ts';
import { messageOf } from '../../core/errors.ts';
import type { TableName } from '../../core/names.ts';
import type { Connection } from '../connections/connection.ts';
import { compareEnds } from '../progress.ts';
import type { Services } from '../services.ts';

/** Counting stops after this long: a choice of tables must not wait for it. In milliseconds. */
export const countingLimit = 5_000;

export interface ComparedBackup {
  readonly file: string;
  readonly keys?: Keys;
  readonly connection: Connection;
  /** All of them when left out. */
  readonly tables?: readonly TableName[];
}

/**
 * How the tables of a backup differ from those of a database, as far as that can be counted in a few seconds. A failure, or a
 * cancel, leaves the numbers out: what is wrong is reported by the restore.
 */
export async function tableDifferences(
  { connector, work, workers, log }: Services,
  { file, keys, connection, tables }: ComparedBackup,
  { ask }: { readonly ask: boolean },
): Promise<readonly CountedTable[]> {
  const database = await connector.access(connection, { ask });
  const task = {
    ...{ database, file, milliseconds: countingLimit },
    ...(keys ? { keys: await keys.known() } : {}),
    ...(tables ? { tables } : {}),
  };
  const title = vscode.l10n.t('Comparing {0} with the backup', connection.name);
  try {
    return await work.run({ title, views: [], ends: compareEnds }, (options) =>
      workers.countDifferences(task, options),
    );
  } catch (error) {
    log.debug(`The tables were not compared before the restore: ${messageOf(error)}`);
    return [];
  }
}
