import { stat } from 'node:fs/promises';
import * as path from 'node:path';
import { MadeHere } from '../backup/madeHere.ts';
import { stateFolder } from '../backup/stateFolder.ts';
import { RestorePointError, throwIfCancelled } from '../core/errors.ts';
import { formatBytes, formatQuantity } from '../core/format.ts';
import { formatTableName } from '../core/names.ts';
import { visible, visibleLines } from '../core/visible.ts';
import type { WorkOptions } from '../engines/engine.ts';
import { engineById } from '../engines/registry.ts';
import { useSession } from '../engines/useSession.ts';
import { type TextSink, writeExportFile } from '../export/exportRows.ts';
import { exportDifferences } from '../export/exportDifferences.ts';
import { exportBackedUpTable, exportLiveTable, type ExportReport } from '../export/exportTable.ts';
import { withSides } from './compare.ts';
import type { ExportArguments } from './exportArguments.ts';
import { keysFor } from './keys.ts';
import { notWritten, type Output } from './output.ts';
import { resolveSide } from './side.ts';
import type { Terminal } from './terminal.ts';

type Work = WorkOptions & { readonly terminal: Terminal };

/** Writes the rows of a table into a file, or to the standard output. */
export async function exportCommand(args: ExportArguments, output: Output, work: Work): Promise<void> {
  if (args.out === undefined) {
    // The progress bar and the rows would be in each other's way.
    const { report: _, ...silent } = work;
    const report = await exportInto(args, standardOutput(work), work.terminal.stdout.isTTY ? silent : work);
    output.message(reportText(report));
    return;
  }
  const file = path.resolve(args.out);
  await refuseTaken(file);
  let report: ExportReport | undefined;
  const bytes = await writeExportFile(file, work, async (sink) => {
    report = await exportInto(args, sink, work);
  });
  output.result(`${reportText(report!)}: ${visible(file)} (${formatBytes(bytes)})`, {
    file,
    bytes,
    ...report!,
  });
}

async function exportInto(args: ExportArguments, sink: TextSink, work: Work): Promise<ExportReport> {
  const { table, where, format, separator, header, nullText, appLabel, model } = args;
  const options = {
    ...work,
    table,
    where,
    format,
    csv: {
      header,
      ...(separator === undefined ? {} : { separator }),
      ...(nullText === undefined ? {} : { nullText }),
    },
    django: {
      ...(appLabel === undefined ? {} : { appLabel }),
      ...(model === undefined ? {} : { model }),
    },
  };
  const side = await resolveSide(args.source, { ...args, ...work });
  if (args.differingFrom !== undefined) {
    const other = await resolveSide(args.differingFrom, { ...args, ...work });
    const known = new MadeHere(stateFolder(), work.logger);
    const madeHere = (fingerprint: string): Promise<boolean> => known.has(fingerprint);
    return await withSides(side, other, args, work, (first, second) =>
      exportDifferences(first, second, sink, { ...options, engines: engineById, madeHere }),
    );
  }
  if (side.kind === 'backup') {
    const keys = await keysFor({ ...args, file: side.file }, work);
    return await exportBackedUpTable(side.file, engineById, sink, { ...options, ...(keys ? { keys } : {}) });
  }
  const { engine, address, password } = side.connection;
  const open = { ...work, readOnly: true, ...(password === undefined ? {} : { password }) };
  return await useSession(engine, address, open, (session) =>
    exportLiveTable(session, engine.rowText, sink, options),
  );
}

function reportText({ table, rows, notes }: ExportReport): string {
  const what = `Exported ${formatQuantity(rows, 'row')} of ${visible(formatTableName(table))}`;
  return [...notes.map(visibleLines), what].join('\n');
}

/** On a terminal what it would obey is named instead. */
function standardOutput({ terminal: { stdout }, signal }: Work): TextSink {
  // Each writing hears of its failure; without anybody to hear it, this event would end the program.
  stdout.on('error', () => undefined);
  const shown = stdout.isTTY
    ? (text: string): string => text.split(/\r?\n/).map(visible).join('\n')
    : (text: string): string => text;
  return {
    async write(text) {
      throwIfCancelled(signal);
      await new Promise<void>((resolve, reject) => {
        stdout.write(shown(text), (error) => (error ? reject(notWritten(error)) : resolve()));
      });
    },
  };
}

async function refuseTaken(file: string): Promise<void> {
  const taken = await stat(file).catch(() => undefined);
  if (!taken) return;
  throw new RestorePointError(
    'usage',
    'A file with this name already exists, and Restore Point never overwrites a file',
    {
      place: { file },
      unchanged: 'Nothing was written.',
      next: 'Choose another name.',
    },
  );
}
