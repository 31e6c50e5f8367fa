import * as vscode from 'vscode';
import type { CheckedCounts, StoredComparison } from '../../compare/differenceStore.ts';
import { formatTableName } from '../../core/names.ts';
import type { OpenComparison } from '../../worker/workers.ts';
import { nameWithEngine, type Connection } from '../connections/connection.ts';
import { tableNamesText } from '../quantities.ts';
import type { Services } from '../services.ts';

/** The kinds of rows that the second side has lost, or has with other values. */
const lostKinds = ['onlyInFirst', 'changed'] as const;

/** Checks the lost rows of all tables. Closes the comparison if that fails. */
export async function checkLostRows(opened: OpenComparison): Promise<readonly CheckedCounts[] | undefined> {
  let checked: readonly CheckedCounts[] | undefined;
  try {
    for (const [table, result] of opened.comparison.results.entries()) {
      for (const kind of lostKinds) {
        if (result && result.counts[kind] > 0) checked = await opened.check({ table, kind, checked: true });
      }
    }
    return checked;
  } catch (error) {
    opened.close();
    throw error;
  }
}

/** Shows a message if the comparison has no lost rows, or if tables are missing: their rows cannot be checked in it. */
export function sayWhatStaysLost(
  { boundary }: Services,
  { file, connection }: { readonly file: string; readonly connection: Connection },
  { pairing: { onlyInFirst: missing }, results }: StoredComparison,
): void {
  const name = nameWithEngine(connection);
  if (missing.length > 0) {
    const tables = missing.map(formatTableName);
    const argument = { uri: file, connection: connection.key, tables };
    const run = (): unknown => vscode.commands.executeCommand('restorePoint.restoreBackup', argument);
    const text = vscode.l10n.t(
      'Missing in {0}: {1}. Restore whole tables to create them again.',
      name,
      tableNamesText(missing),
    );
    boundary.inform(text, [{ title: vscode.l10n.t('Restore Tables…'), run }]);
  } else if (!results.some((result) => result && lostKinds.some((kind) => result.counts[kind] > 0))) {
    boundary.inform(
      vscode.l10n.t(
        'Nothing to bring back: {0} has every compared row of the backup, unchanged. If rows are missing, try an older backup.',
        name,
      ),
    );
  }
}
