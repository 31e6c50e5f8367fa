import * as vscode from 'vscode';
import type { DifferenceKind } from '../../compare/differenceStore.ts';
import type { Cell } from '../../core/cells.ts';
import { RestorePointError } from '../../core/errors.ts';
import { formatCount } from '../../core/format.ts';
import { visible } from '../../core/visible.ts';
import type { OpenComparison } from '../../worker/workers.ts';
import { restoreRows, type RowsRequest } from '../comparison/restoreRows.ts';
import { nameWithEngine, type Connection } from '../connections/connection.ts';
import { shownName } from '../names.ts';
import { compareEnds } from '../progress.ts';
import type { Services } from '../services.ts';
import type { ShownRow } from '../viewer/shownRow.ts';
import { databaseOf, someConnections } from './chooseConnection.ts';

/** How many values a dialog lists, and how many characters of each. */
const shownValues = 12;
const longestShown = 60;

/**
 * Brings one row back as it is in a backup: compares it with the database, says what would change, asks, and restores it as a
 * comparison does. Throws `vscode.CancellationError` where the user does not go on.
 */
export async function restoreRow(services: Services, shown: ShownRow): Promise<void> {
  const { file, manifest, keys } = shown;
  const connection = await databaseOf(services, someConnections(services), shown, {
    title: vscode.l10n.t('Restore This Row'),
    placeholder: vscode.l10n.t('Choose the connection to restore into'),
    refusal: (label, name) => vscode.l10n.t('This {0} backup cannot be restored into {1}.', label, name),
  });
  const name = shownName(manifest.tables[shown.table]!.table.name);
  const opened = await compareWith(services, connection, shown);
  try {
    const [result] = opened.comparison.results;
    if (opened.comparison.pairing.tables.length === 0) throw noTable(name, connection);
    if (!result) throw new RestorePointError('usage', `The rows of ${name} cannot be compared`);
    const { counts } = result;
    if (counts.same > 0) {
      services.boundary.inform(
        vscode.l10n.t(
          'This row of {0} is the same in {1}. Nothing was changed.',
          name,
          nameWithEngine(connection),
        ),
      );
      return;
    }
    const kind: DifferenceKind = counts.changed > 0 ? 'changed' : 'onlyInFirst';
    await opened.check({ table: 0, kind, checked: true });
    const request: RowsRequest = {
      ...{ file, connection, undo: false, ...(keys ? { keys } : {}) },
      changes: await changesOf(opened, kind),
      run: (task, { signal }) => opened.restore(task, signal),
    };
    await restoreRows(services, request);
  } finally {
    opened.close();
  }
}

async function compareWith(
  services: Services,
  connection: Connection,
  { file, keys, table, row }: ShownRow,
): Promise<OpenComparison> {
  const task = {
    ...{ file, table, row, ...(keys ? { keys: await keys.known() } : {}) },
    database: await services.connector.access(connection, { ask: true }),
  };
  const display = {
    title: vscode.l10n.t('Comparing the row with {0}', connection.name),
    views: ['restorePoint.connections'] as const,
    ends: compareEnds,
  };
  return await services.backups.noting(
    services.work.run(display, (options) => services.workers.compareRow(task, options)),
  );
}

function noTable(name: string, connection: Connection): RestorePointError {
  return new RestorePointError('usage', `${connection.name} has no table ${name}`, {
    unchanged: 'Nothing was changed.',
    next: 'Restore the table from the backup.',
  });
}

/** What changes in the row: a line for each value, as it is now and as it was. */
async function changesOf(opened: OpenComparison, kind: DifferenceKind): Promise<string[]> {
  if (kind === 'onlyInFirst') return [vscode.l10n.t('The database does not have this row.')];
  const { rows } = await opened.read({ table: 0, kind, after: 0, limit: 1 });
  const { first = [], second = [], changed = [] } = rows[0] ?? {};
  const names = opened.comparison.pairing.tables[0]?.compared?.columns ?? [];
  const lines = changed.map((place) =>
    vscode.l10n.t(
      '{0}: {1} → {2}',
      visible(names[place]?.second ?? ''),
      cellText(second[place] ?? null),
      cellText(first[place] ?? null),
    ),
  );
  const more = lines.length - shownValues;
  return [
    ...lines.slice(0, shownValues),
    ...(more > 0 ? [vscode.l10n.t('and {0} more', formatCount(more))] : []),
  ];
}

function cellText(cell: Cell): string {
  if (cell === null) return 'NULL';
  const text = typeof cell === 'string' ? cell : cell.start;
  return visible(
    text.length > longestShown || typeof cell !== 'string' ? `${text.slice(0, longestShown)}…` : text,
  );
}
