import * as path from 'node:path';
import * as vscode from 'vscode';
import { RestorePointError } from '../../core/errors.ts';
import { formatBytes, formatDuration } from '../../core/format.ts';
import type { TableName } from '../../core/names.ts';
import { type ExportFormat, exportFormats } from '../../export/rowFormat.ts';
import type { ExportedFile, ExportTask } from '../../worker/protocol.ts';
import { usableOf, type Connection } from '../connections/connection.ts';
import { shownName } from '../names.ts';
import { exportEnds } from '../progress.ts';
import { askOne, askText, type Choice } from '../prompts/inputs.ts';
import { askInSteps, back, type Step } from '../prompts/steps.ts';
import { rowsText } from '../quantities.ts';
import type { Services } from '../services.ts';
import {
  connectionArgument,
  filesArgument,
  keyArguments,
  nodesArgument,
  pathOf,
  tablesArgument,
  textArgument,
  tokenArgument,
} from './commandArguments.ts';
import { isQuiet, type CommandTable } from './commandTable.ts';

/** A table of a backup, or of a database. */
type Exported = { readonly table: TableName } & (
  { readonly file: string } | { readonly connection: Connection }
);

interface Draft {
  readonly format?: ExportFormat;
  readonly appLabel?: string;
}

/** Can be called with a node of a table, or with `ExportArguments`; resolves with what was written. */
export function exportCommands(services: Services): Pick<CommandTable, 'restorePoint.exportTable'> {
  const operation = vscode.l10n.t('Export');
  return {
    'restorePoint.exportTable': {
      operation,
      async run(first) {
        const exported = exportedBy(services, first);
        const draft = await askInSteps(title(exported), draftOf(first), [formatStep(), appStep()]);
        const out = textArgument(first, 'out') ?? (await askFile(exported, draft.format!));
        return await exportTable(services, exported, draft, out, first);
      },
    },
  };
}

function title({ table }: Exported): string {
  return vscode.l10n.t('Export {0}', shownName(table));
}

function exportedBy({ store }: Services, argument: unknown): Exported {
  const [node] = nodesArgument(argument, undefined);
  if (node?.kind === 'table') return { connection: node.connection, table: node.table.name };
  if (node?.kind === 'backupTable') return { file: node.parent.backup.file, table: node.table.table.name };
  const [file] = filesArgument(argument);
  const connection = connectionArgument(argument, store);
  const [table] = tablesArgument(argument) ?? [];
  if (table && file !== undefined) return { file, table };
  if (table && connection) return { connection, table };
  throw new RestorePointError('usage', 'No table was chosen', {
    next: 'Right-click a table in the Connections or the Backups view.',
  });
}

function draftOf(argument: unknown): Draft {
  const named = textArgument(argument, 'format');
  const format = exportFormats.find((one) => one === named);
  if (named !== undefined && !format) {
    throw new RestorePointError('usage', `The argument "format" must be one of ${exportFormats.join(', ')}`);
  }
  const appLabel = textArgument(argument, 'appLabel');
  return { ...(format ? { format } : {}), ...(appLabel === undefined ? {} : { appLabel }) };
}

function formatStep(): Step<Draft> {
  const choices: readonly Choice<ExportFormat>[] = [
    { value: 'csv', label: 'CSV', detail: vscode.l10n.t('For spreadsheets and the import of databases') },
    { value: 'ndjson', label: 'NDJSON', detail: vscode.l10n.t('One JSON object a line') },
    { value: 'json', label: 'JSON', detail: vscode.l10n.t('A list of objects') },
    {
      value: 'sql',
      label: 'SQL',
      detail: vscode.l10n.t('INSERT statements in the language of the database'),
    },
    { value: 'django', label: 'Django', detail: vscode.l10n.t('A fixture for manage.py loaddata') },
  ];
  return {
    isAnswered: ({ format }) => format !== undefined,
    async ask(draft, frame) {
      const placeholder = vscode.l10n.t('Choose the format');
      const format = await askOne(frame, {
        placeholder,
        choices,
        isChosen: (value) => value === draft.format,
      });
      return format === back ? back : { ...draft, format };
    },
  };
}

function appStep(): Step<Draft> {
  return {
    applies: ({ format }) => format === 'django',
    isAnswered: ({ appLabel }) => appLabel !== undefined,
    async ask(draft, frame) {
      const appLabel = await askText(frame, {
        prompt: vscode.l10n.t(
          'Enter the label of the Django app; leave it empty if the table is named app_model',
        ),
        value: draft.appLabel ?? '',
        optional: true,
      });
      return appLabel === back ? back : { ...draft, appLabel };
    },
  };
}

/** The ending of a file of each format. */
const endings: Readonly<Record<ExportFormat, string>> = {
  csv: 'csv',
  ndjson: 'ndjson',
  json: 'json',
  sql: 'sql',
  django: 'json',
};

async function askFile(exported: Exported, format: ExportFormat): Promise<string> {
  const ending = endings[format];
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';
  const name = shownName(exported.table).replace(/[^\p{L}\p{N}_.-]+/gu, '-');
  const uri = await vscode.window.showSaveDialog({
    title: title(exported),
    defaultUri: vscode.Uri.file(path.resolve(folder, `${name}.${ending}`)),
    filters: { [ending.toUpperCase()]: [ending] },
  });
  if (!uri) throw new vscode.CancellationError();
  return pathOf(uri);
}

async function exportTable(
  services: Services,
  exported: Exported,
  { format, appLabel = '' }: Draft,
  out: string,
  argument: unknown,
): Promise<ExportedFile> {
  const started = performance.now();
  const task = {
    source: await sourceOf(services, exported, argument),
    table: exported.table,
    format: format!,
    out,
    ...(appLabel === '' ? {} : { django: { appLabel } }),
  };
  const display = {
    title: vscode.l10n.t('Exporting {0}', shownName(exported.table)),
    views: [],
    ends: exportEnds,
    ...tokenArgument(argument),
  };
  const report = await services.work.run(display, (options) => services.workers.exportTable(task, options));
  for (const note of report.notes) services.log.warn(note);
  if (!isQuiet(argument)) {
    const uri = vscode.Uri.file(report.file);
    const text = vscode.l10n.t(
      'Exported {0} of {1} ({2}) in {3}.',
      rowsText(report.rows),
      shownName(report.table),
      formatBytes(report.bytes),
      formatDuration(performance.now() - started),
    );
    services.boundary.inform([text, ...report.notes].join(' '), [
      { title: vscode.l10n.t('Open File'), run: () => vscode.commands.executeCommand('vscode.open', uri) },
    ]);
  }
  return report;
}

async function sourceOf(
  services: Services,
  exported: Exported,
  argument: unknown,
): Promise<ExportTask['source']> {
  if ('file' in exported) {
    const keys = await services.keys.keysFor(exported.file, keyArguments(argument));
    return { kind: 'backup', file: exported.file, ...(keys ? { keys: await keys.known() } : {}) };
  }
  usableOf(exported.connection);
  const access = await services.connector.access(exported.connection, { ask: !isQuiet(argument) });
  return { kind: 'database', database: access };
}
