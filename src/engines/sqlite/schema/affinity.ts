export type Affinity = 'integer' | 'text' | 'blob' | 'real' | 'numeric';

/** How a column of a declared type converts values (https://www.sqlite.org/datatype3.html, 3.1). */
export function affinityOf(type: string): Affinity {
  if (/INT/i.test(type)) return 'integer';
  if (/CHAR|CLOB|TEXT/i.test(type)) return 'text';
  if (type === '' || /BLOB/i.test(type)) return 'blob';
  return /REAL|FLOA|DOUB/i.test(type) ? 'real' : 'numeric';
}
