import { sqlTokens } from './sqlText.ts';

/**
 * The statement of a table with NULL in place of the expressions of its generated columns, so that what an unknown author wrote
 * there is never computed. In a list of columns `AS (` begins nothing else.
 */
export function withoutExpressions(sql: string): string {
  const edits: Edit[] = [];
  let column: Edit[] = [];
  let isGenerated = false;
  let depth = 0;
  let before = { text: '', at: 0 };
  let expression: number | undefined;
  for (const { text, at } of sqlTokens(sql)) {
    const [word, previous] = [text.toUpperCase(), before.text.toUpperCase()];
    if (depth === 1 && (text === ',' || text === ')')) {
      if (isGenerated) edits.push(...column);
      [column, isGenerated] = [[], false];
    }
    // A generated column may be declared to be NOT NULL.
    if (depth === 1 && word === 'NULL' && previous === 'NOT')
      column.push({ from: before.at, to: at, text: '' });
    if (text === '(') {
      if (depth === 1 && previous === 'AS') [expression, isGenerated] = [at + 1, true];
      depth += 1;
    }
    if (text === ')') {
      depth -= 1;
      if (depth === 1 && expression !== undefined) {
        column.push({ from: expression, to: at, text: 'NULL' });
        expression = undefined;
      }
    }
    before = { text, at };
  }
  return applied(sql, edits);
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** `edits`: in their order. */
function applied(sql: string, edits: readonly Edit[]): string {
  const parts = edits.map(({ from, text }, index) => sql.slice(edits[index - 1]?.to ?? 0, from) + text);
  return parts.join('') + sql.slice(edits.at(-1)?.to ?? 0);
}
