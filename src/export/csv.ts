import { stringify, type Options } from 'csv-stringify/sync';
import { RestorePointError } from '../core/errors.ts';
import type { RowText } from '../engines/engine.ts';
import type { ExportedTable, RowFormat } from './rowFormat.ts';

export interface CsvOptions {
  /** One character between two fields; a comma when it is left out. */
  readonly separator?: string;
  /** Whether the names of the columns come first. */
  readonly header?: boolean;
  /** The text for NULL; empty if it is left out. */
  readonly nullText?: string;
}

/**
 * RFC 4180. NULL is a field without quotes, and a text that looks like it has some, as an empty text has: programs that
 * tell the two apart (`COPY`) read back what was there.
 */
export function csvFormat(
  { columns }: ExportedTable,
  { field }: RowText,
  { separator = ',', header = true, nullText = '' }: CsvOptions,
): RowFormat {
  if ([...separator].length !== 1 || /["\r\n]/.test(separator)) {
    throw new RestorePointError(
      'usage',
      '--separator must be one character, other than a quote or a line break',
      {
        next: "For a tab, write --separator '\\t'.",
      },
    );
  }
  if (nullText.includes(separator) || /["\r\n]/.test(nullText)) {
    throw new RestorePointError('usage', '--null must not contain the separator, a quote or a line break');
  }
  const options: Options = {
    delimiter: separator,
    record_delimiter: 'windows',
    quote_record_delimiter: true,
    // `\.` alone is where psql stops to read.
    quoted_match: [/^$/, /^\\\.$/, ...(nullText === '' ? [] : [nullText])],
    ...(nullText === '' ? {} : { cast: { null: () => ({ value: nullText, quoted_match: [] }) } }),
  };
  return {
    head: header ? stringify([[...columns]], options) : '',
    rows: (rows) =>
      stringify(
        rows.map((row) => row.map((value) => field(value) ?? null)),
        options,
      ),
    end: () => '',
  };
}
