import * as vscode from 'vscode';
import type { BackupReport, BackupSelection } from '../../backup/takeBackup.ts';
import { type BackupLabel, checkedLabel, nameProblem, noteProblem } from '../../core/backupLabel.ts';
import type { ConnectionSettings } from '../../core/connectionSettings.ts';
import { messageOf, RestorePointError } from '../../core/errors.ts';
import type { TableSummary } from '../../core/manifest.ts';
import type { TableName } from '../../core/names.ts';
import { usableOf, type Connection } from '../connections/connection.ts';
import { askConnection, askTables } from '../prompts/choices.ts';
import { askOne, askText } from '../prompts/inputs.ts';
import { newPassphraseOf, newPassphraseSteps, type NewPassphraseState } from '../prompts/passphrase.ts';
import {
  rowChoiceOf,
  rowsSteps,
  type CheckCondition,
  type RowChoice,
  type RowsState,
} from '../prompts/rows.ts';
import { askInSteps, back, type Step } from '../prompts/steps.ts';
import type { Services } from '../services.ts';
import { backUp } from './backUp.ts';
import { onlyConnection, someConnections } from './chooseConnection.ts';
import { connectionOfFile } from './connectionOfFile.ts';
import {
  connectionArgument,
  flagArgument,
  keyArguments,
  nodesArgument,
  tablesArgument,
  textArgument,
} from './commandArguments.ts';
import type { CommandTable } from './commandTable.ts';

/** The choices so far. */
interface Draft extends RowsState, NewPassphraseState {
  readonly connection?: Connection;
  readonly schema?: string;
  readonly needsPassphrase?: boolean;
  readonly label?: BackupLabel;
}

type Connected = Draft & { readonly connection: Connection };

/**
 * Commands that take a backup. Each can be called with `BackUpArguments`, or with the URI of a database file, and resolves
 * with its `BackupReport`.
 */
export function backupCommands(
  services: Services,
): Pick<
  CommandTable,
  | 'restorePoint.backUpDatabase'
  | 'restorePoint.backUpSchema'
  | 'restorePoint.backUpTables'
  | 'restorePoint.backUpEncrypted'
  | 'restorePoint.backUpNamed'
> {
  const operation = vscode.l10n.t('Backup');
  return {
    'restorePoint.backUpDatabase': {
      operation,
      async run(first) {
        const title = vscode.l10n.t('Back Up Database');
        const { connection } = await ask(services, title, first, { steps: [] });
        return await backUp(services, connection, {}, first);
      },
    },
    /** Encrypts as the connection's settings say, or else with a passphrase. */
    'restorePoint.backUpEncrypted': { operation, run: (first) => backUpEncrypted(services, first) },
    'restorePoint.backUpNamed': {
      operation,
      async run(first) {
        const title = vscode.l10n.t('Back Up Database with Name');
        const draft = await ask(services, title, first, { steps: labelSteps() });
        const label = checkedLabel(draft.label ?? {});
        return await backUp(services, draft.connection, {}, first, undefined, label);
      },
    },
    'restorePoint.backUpSchema': {
      operation,
      async run(first) {
        const title = vscode.l10n.t('Back Up Schema');
        const given = schemaArgument(first);
        const steps = given === undefined ? [schemaStep(services)] : [];
        const { connection, schema } = await ask(services, title, first, { refuse: withoutSchemas, steps });
        return await backUp(services, connection, { schemas: [given ?? schema!] }, first);
      },
    },
    'restorePoint.backUpTables': { operation, run: (first, second) => backUpTables(services, first, second) },
  };
}

function labelSteps(): Step<Draft>[] {
  return [
    {
      async ask(draft, frame) {
        const name = await askText(frame, {
          prompt: vscode.l10n.t('Enter a name for the backup'),
          placeholder: vscode.l10n.t('before migration 42'),
          value: draft.label?.name ?? '',
          validate: nameProblem,
        });
        return name === back ? back : { ...draft, label: { ...draft.label, name } };
      },
    },
    {
      async ask(draft, frame) {
        const note = await askText(frame, {
          prompt: vscode.l10n.t('Enter a note, or leave it empty'),
          value: draft.label?.note ?? '',
          optional: true,
          validate: noteProblem,
        });
        return note === back ? back : { ...draft, label: { ...draft.label, note } };
      },
    },
  ];
}

/** Asks for the connection, unless an argument names it or it is the only one, and then runs the steps, as one sequence. */
async function ask(
  services: Services,
  title: string,
  argument: unknown,
  options: {
    readonly connection?: Connection;
    readonly refuse?: (connection: Connection) => string | undefined;
    /** Determines what the steps depend on. */
    readonly prepare?: (draft: Connected) => Promise<Draft>;
    readonly steps: readonly Step<Draft>[];
  },
): Promise<Connected> {
  const { refuse } = options;
  const given = options.connection ?? (await connectionOf(services, argument));
  const begin = async (chosen: Connection): Promise<Draft> =>
    (await options.prepare?.({ connection: chosen })) ?? { connection: chosen };
  const connections = given ? [] : someConnections(services);
  const connection = given ?? onlyConnection(connections, refuse ? { refuse } : {});
  const connectionStep: Step<Draft> = {
    async ask(draft, frame) {
      const placeholder = vscode.l10n.t('Choose the connection to back up');
      const chosen = await askConnection(frame, connections, { placeholder, ...(refuse ? { refuse } : {}) });
      if (chosen === back) return back;
      // Answers about another database do not apply to this one.
      return chosen.key === draft.connection?.key ? draft : await begin(chosen);
    },
  };
  const steps = [...(connection ? [] : [connectionStep]), ...options.steps];
  return (await askInSteps<Draft>(title, connection ? await begin(connection) : {}, steps)) as Connected;
}

async function backUpEncrypted(services: Services, argument: unknown): Promise<BackupReport> {
  const given = keyArguments(argument);
  const encryptOf = ({ connection }: Draft): ConnectionSettings['encrypt'] =>
    usableOf(connection!).settings.encrypt ?? 'passphrase';
  const passphraseSteps = newPassphraseSteps<Draft>().map((step) => ({
    ...step,
    applies: ({ needsPassphrase }: Draft) => needsPassphrase ?? false,
  }));
  const draft = await ask(services, vscode.l10n.t('Back Up Database, Encrypted'), argument, {
    prepare: async (begun) => ({
      ...begun,
      needsPassphrase:
        given.ask && (await services.keys.needsPassphrase(encryptOf(begun), begun.connection, given)),
    }),
    steps: passphraseSteps,
  });
  const made = newPassphraseOf(draft);
  const passphrase = made && (await services.keys.take(draft.connection, made));
  const encrypt = encryptOf(draft);
  return await backUp(services, draft.connection, {}, argument, {
    encrypt,
    ...(passphrase ? { passphrase } : {}),
  });
}

async function backUpTables(services: Services, first: unknown, second: unknown): Promise<BackupReport> {
  const selected = selectedTables(first, second);
  const given = selected?.tables ?? tablesArgument(first);
  // A click on a table asks nothing.
  const steps = given ? [] : [tablesStep(services), ...rowsSteps<Draft>(conditionProblem(services))];
  const draft = await ask(services, vscode.l10n.t('Back Up Tables'), first, {
    ...(selected ? { connection: selected.connection } : {}),
    steps,
  });
  const rows = given ? rowsArgument(first) : rowChoiceOf(draft);
  return await backUp(services, draft.connection, selectionOf(given ?? draft.tables!, rows), first);
}

async function connectionOf(services: Services, argument: unknown): Promise<Connection | undefined> {
  if (argument instanceof vscode.Uri) return await connectionOfFile(services, argument);
  return connectionArgument(argument, services.store);
}

function withoutSchemas({ usable }: Connection): string | undefined {
  if (!usable || usable.engine.features.schemas) return undefined;
  return vscode.l10n.t(
    '{0} has no schemas. Back up the database or some of its tables instead.',
    usable.engine.label,
  );
}

function schemaArgument(argument: unknown): string | undefined {
  const [node] = nodesArgument(argument, undefined);
  return node?.kind === 'schema' ? node.schema : textArgument(argument, 'schema');
}

function schemaStep(services: Services): Step<Draft> {
  return {
    async ask(draft, frame) {
      const tables = await listTables(services, draft);
      const schemas = [...new Set(tables.map(({ name }) => name.schema ?? ''))];
      const schema = await askOne(frame, {
        placeholder: vscode.l10n.t('Choose the schema to back up'),
        choices: schemas.map((name) => ({
          label: name,
          iconPath: new vscode.ThemeIcon('symbol-namespace'),
          value: name,
        })),
        isChosen: (name) => name === draft.schema,
      });
      return schema === back ? back : { ...draft, schema };
    },
  };
}

function tablesStep(services: Services): Step<Draft> {
  return {
    async ask(draft, frame) {
      const found = await listTables(services, draft);
      if (found.length === 0) {
        throw new RestorePointError('usage', vscode.l10n.t('There are no tables in this database'));
      }
      const tables = await askTables(frame, found, draft.tables);
      return tables === back ? back : { ...draft, tables };
    },
  };
}

function listTables({ sessions }: Services, { connection }: Draft): Promise<TableSummary[]> {
  usableOf(connection!);
  return sessions.use(connection!, (session) => session.listTables(), { ask: true });
}

function conditionProblem({ sessions }: Services): CheckCondition<Draft> {
  return async ({ connection }, table, condition) => {
    try {
      await sessions.use(connection!, (session) => session.checkCondition(table, condition));
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  };
}

function rowsArgument(argument: unknown): RowChoice {
  const condition = textArgument(argument, 'where');
  const withRelated = flagArgument(argument, 'withRelated');
  return { withRelated, ...(condition === undefined ? {} : { condition }) };
}

/** Throws `usage` for a condition with several tables. */
function selectionOf(tables: readonly TableName[], { withRelated, condition }: RowChoice): BackupSelection {
  if (condition === undefined) return { tables, withRelated };
  const [table, ...others] = tables;
  if (table && others.length === 0) return { tables, withRelated, where: [{ table, condition }] };
  throw new RestorePointError('usage', 'A condition applies to the rows of one table');
}

/** The tables selected in the tree. Throws `usage` if they belong to several databases. */
function selectedTables(
  first: unknown,
  second: unknown,
): { connection: Connection; tables: TableName[] } | undefined {
  const nodes = nodesArgument(first, second).filter((node) => node.kind === 'table');
  const [node] = nodes;
  if (!node) return undefined;
  if (nodes.some((other) => other.connection.key !== node.connection.key)) {
    throw new RestorePointError('usage', 'The selected tables belong to several connections', {
      unchanged: 'No backup file was written.',
      next: 'A backup is a snapshot of one database. Select tables of one connection.',
    });
  }
  return { connection: node.connection, tables: nodes.map(({ table }) => table.name) };
}
