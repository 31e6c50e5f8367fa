import * as vscode from 'vscode';
import type { DifferenceKind, ShownDifference } from '../../compare/differenceStore.ts';
import type { Cell } from '../../core/cells.ts';
import { formatCount } from '../../core/format.ts';
import { formatTableName } from '../../core/names.ts';
import { visible, visibleLines } from '../../core/visible.ts';
import type { OpenComparison } from '../../worker/workers.ts';
import { differenceCount, type SideView } from './comparisonView.ts';

/** How many differing rows of a table the diff editor gets. */
const mostRows = 5_000;
const rowsAtOnce = 500;

const kinds: readonly DifferenceKind[] = ['changed', 'onlyInFirst', 'onlyInSecond'];

interface Sides {
  readonly first: SideView;
  readonly second: SideView;
}

/** Shows the differing rows of tables in VS Code's diff editor. */
export class TextDiffs implements vscode.TextDocumentContentProvider {
  static readonly scheme = 'restore-point-comparison';

  readonly #texts = new Map<string, string>();
  #shown = 0;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#texts.get(uri.toString()) ?? '';
  }

  /** `table` is its place in the comparison. */
  async show(opened: OpenComparison, table: number, sides: Sides): Promise<void> {
    const { pairing, results } = opened.comparison;
    const paired = pairing.tables[table];
    const counts = results[table]?.counts;
    if (!paired?.compared || !counts) return;
    const name = formatTableName(paired.name);
    const title = vscode.l10n.t('{0}: {1} ↔ {2}', visible(name), sides.first.name, sides.second.name);
    const rows = await firstRows(opened, table);
    const [total, shown] = [differenceCount(counts), rows.length];
    const head =
      shown < total
        ? vscode.l10n.t(
            '{0}: the first {1} of {2} differing rows',
            name,
            formatCount(shown),
            formatCount(total),
          )
        : vscode.l10n.t('{0}: all {1} differing rows', name, formatCount(total));
    const columns = paired.compared.columns.map(({ first }) => first);
    const key = paired.compared.key ?? [];
    const [left, right] = (['first', 'second'] as const).map((side) => {
      const uri = vscode.Uri.from({
        scheme: TextDiffs.scheme,
        path: `/${name.replaceAll('/', '⁄')} (${sides[side].name.replaceAll('/', '⁄')}).txt`,
        query: String(++this.#shown),
      });
      const blocks = rows.flatMap((row) => blockOf(row[side], columns, key) ?? []);
      this.#texts.set(uri.toString(), [visible(head), ...blocks, ''].join('\n\n'));
      return uri;
    });
    await vscode.commands.executeCommand('vscode.diff', left, right, title, { preview: false });
  }

  /** Forgets the text of a closed editor. */
  forget(document: vscode.TextDocument): void {
    this.#texts.delete(document.uri.toString());
  }
}

async function firstRows(opened: OpenComparison, table: number): Promise<ShownDifference[]> {
  const rows: ShownDifference[] = [];
  for (const kind of kinds) {
    for (let after = 0; rows.length < mostRows; after += rowsAtOnce) {
      const limit = Math.min(rowsAtOnce, mostRows - rows.length);
      const page = await opened.read({ table, kind, after, limit });
      rows.push(...page.rows);
      if (after + limit >= page.total) break;
    }
  }
  return rows;
}

/** A line for each column, those of the key first. Undefined where the side does not have the row. */
function blockOf(
  cells: readonly Cell[] | undefined,
  columns: readonly string[],
  key: readonly number[],
): string | undefined {
  if (!cells) return undefined;
  const others = [...columns.keys()].filter((place) => !key.includes(place));
  return [...key, ...others]
    .map((place) => `${visible(columns[place] ?? '')}: ${cellText(cells[place] ?? null)}`)
    .join('\n');
}

/** Further lines of a value are indented, so that none looks like a column. */
function cellText(cell: Cell): string {
  if (cell === null) return 'NULL';
  // The text, not the absence of a value.
  if (cell === 'NULL') return '"NULL"';
  if (typeof cell === 'string') return visibleLines(cell);
  const rest = vscode.l10n.t('… ({0} characters)', formatCount(cell.length));
  return `${visibleLines(cell.start)}\n    ${rest}`;
}
