import { balanced } from './rowComparison.ts';

/** Bytes after these are not searched: their text is twice as long. */
const searchedBytes = 1 << 20;

/**
 * A GLOB pattern for values that contain a text, in upper or lower case. SQLite's own LIKE and `lower` know only ASCII
 * letters.
 */
export function containsPattern(text: string): string {
  const signs = [...text].map((sign) => {
    const forms = new Set([sign, sign.toLowerCase(), sign.toUpperCase()].filter((form) => isOne(form)));
    return forms.size === 1 && !'*?['.includes(sign) ? sign : `[${[...forms].join('')}]`;
  });
  return `*${signs.join('')}*`;
}

function isOne(text: string): boolean {
  return [...text].length === 1;
}

/** A condition in SQL: the text of one of the values matches the pattern that is bound as `parameter`. */
export function someMatch(values: readonly string[], parameter: string): string {
  return balanced(
    values.map((value) => `(${textSql(value)} GLOB ${parameter})`),
    'OR',
  );
}

/** The text of a value as `valueText` gives it, of NULL the word. */
function textSql(value: string): string {
  return (
    `CASE typeof(${value}) WHEN 'null' THEN 'NULL' WHEN 'real' THEN ${realSql(value)} ` +
    `WHEN 'blob' THEN 'x''' || hex(substr(${value}, 1, ${searchedBytes})) || '''' ELSE ${value} END`
  );
}

/** The shortest digits that mean a REAL, as JavaScript writes them. */
function realSql(value: string): string {
  const digits = (count: number): string => `printf('%!.${count}g', ${value})`;
  const shortest =
    `CASE WHEN CAST(${digits(15)} AS REAL) = ${value} THEN ${digits(15)} ` +
    `WHEN CAST(${digits(16)} AS REAL) = ${value} THEN ${digits(16)} ELSE ${digits(17)} END`;
  return (
    `CASE WHEN ${value} = 9e999 THEN 'Infinity' WHEN ${value} = -9e999 THEN '-Infinity' ` +
    `WHEN abs(${value}) < 1e21 AND ${value} = round(${value}) THEN printf('%!.1f', ${value}) ` +
    `ELSE replace(replace(${shortest}, '.0e', 'e'), 'e-0', 'e-') END`
  );
}
