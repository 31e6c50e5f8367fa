import { writeNewFile } from '../archive/writeNewFile.ts';
import { throwIfCancelled } from '../core/errors.ts';
import type { Row } from '../core/values.ts';
import type { RowText, WorkOptions } from '../engines/engine.ts';
import { csvFormat, type CsvOptions } from './csv.ts';
import { djangoFormat, type DjangoOptions } from './django.ts';
import { jsonFormat } from './json.ts';
import type { ExportedTable, ExportFormat, RowFormat } from './rowFormat.ts';
import { sqlFormat } from './sql.ts';

export interface FormatOptions {
  readonly csv?: CsvOptions;
  readonly django?: DjangoOptions;
}

/** Receives the text of an export. */
export interface TextSink {
  /** Resolves when there is room for more. */
  write(text: string): Promise<void>;
}

/** Throws `usage` or `refused` for a table that has no such form. */
export function rowFormat(
  format: ExportFormat,
  table: ExportedTable,
  text: RowText,
  { csv = {}, django = {} }: FormatOptions,
): RowFormat {
  switch (format) {
    case 'csv':
      return csvFormat(table, text, csv);
    case 'ndjson':
    case 'json':
      return jsonFormat(table, text, { list: format === 'json' });
    case 'sql':
      return sqlFormat(table, text);
    case 'django':
      return djangoFormat(table, text, django);
  }
}

/** Writes the rows in a form, a page at a time. Resolves to how many there were. */
export async function exportRows(
  pages: AsyncIterable<readonly Row[]>,
  format: RowFormat,
  sink: TextSink,
  { table: { table }, signal, report }: Pick<WorkOptions, 'signal' | 'report'> & { table: ExportedTable },
): Promise<number> {
  let rows = 0;
  report?.({ phase: 'read', table: table.name, rows });
  if (format.head !== '') await sink.write(format.head);
  for await (const page of pages) {
    throwIfCancelled(signal);
    const text = format.rows(page);
    if (text !== '') await sink.write(text);
    rows += page.length;
    report?.({ phase: 'read', table: table.name, rows });
  }
  throwIfCancelled(signal);
  const end = format.end();
  if (end !== '') await sink.write(end);
  return rows;
}

/** Writes a new file with the text that `write` gives (see `writeNewFile`). Resolves to its size. */
export async function writeExportFile(
  file: string,
  { logger, report }: WorkOptions,
  write: (sink: TextSink) => Promise<void>,
): Promise<number> {
  const { bytes } = await writeNewFile(file, { logger, what: 'The export' }, async (sink) => {
    await write({ write: (text) => sink.write([Buffer.from(text)]) });
    report?.({ phase: 'publish' });
  });
  return bytes;
}
