import * as vscode from 'vscode';
import type { BackupSelection } from '../../backup/takeBackup.ts';
import { RestorePointError } from '../../core/errors.ts';
import type { TableName } from '../../core/names.ts';
import { usableOf, type Connection } from '../connections/connection.ts';
import { alone, answered, askTables } from '../prompts/choices.ts';
import { askOne } from '../prompts/inputs.ts';
import { askRows, type RowChoice } from '../prompts/rows.ts';
import type { Services } from '../services.ts';
import { backUp } from './backUp.ts';
import { chooseConnection } from './chooseConnection.ts';
import {
  connectionArgument,
  flagArgument,
  nodesArgument,
  tablesArgument,
  textArgument,
} from './commandArguments.ts';
import type { CommandTable } from './commandTable.ts';

/** Commands that take a backup. Each can be called with `BackUpArguments`, and resolves with its `BackupReport`. */
export function backupCommands(
  services: Services,
): Pick<
  CommandTable,
  | 'restorePoint.backUpDatabase'
  | 'restorePoint.backUpSchema'
  | 'restorePoint.backUpTables'
  | 'restorePoint.backUpEncrypted'
> {
  const operation = vscode.l10n.t('Backup');
  return {
    'restorePoint.backUpDatabase': {
      operation,
      async run(first) {
        const title = vscode.l10n.t('Back Up Database');
        const connection = await connectionFor(services, title, first);
        return await backUp(services, connection, {}, first);
      },
    },
    /** As the settings of the connection have it, else with a passphrase. */
    'restorePoint.backUpEncrypted': {
      operation,
      async run(first) {
        const title = vscode.l10n.t('Back Up Database, Encrypted');
        const connection = await connectionFor(services, title, first);
        const { encrypt = 'passphrase' } = usableOf(connection).settings;
        return await backUp(services, connection, {}, first, encrypt);
      },
    },
    'restorePoint.backUpSchema': {
      operation,
      async run(first) {
        const title = vscode.l10n.t('Back Up Schema');
        const connection = await connectionFor(services, title, first, withoutSchemas);
        const schema = schemaArgument(first) ?? (await chooseSchema(services, title, connection));
        return await backUp(services, connection, { schemas: [schema] }, first);
      },
    },
    'restorePoint.backUpTables': {
      operation,
      async run(first, second) {
        const title = vscode.l10n.t('Back Up Tables');
        const selected = selectedTables(first, second);
        const connection = selected?.connection ?? (await connectionFor(services, title, first));
        const given = selected?.tables ?? tablesArgument(first);
        const tables = given ?? (await chooseTables(services, title, connection));
        // A click on a table asks nothing.
        const rows = given ? rowsArgument(first) : answered(await askRows(alone(title), tables));
        return await backUp(services, connection, selectionOf(tables, rows), first);
      },
    },
  };
}

async function connectionFor(
  services: Services,
  title: string,
  argument: unknown,
  refuse?: (connection: Connection) => string | undefined,
): Promise<Connection> {
  const given = connectionArgument(argument, services.store);
  const placeholder = vscode.l10n.t('Choose the connection to back up');
  return given ?? (await chooseConnection(services, title, { placeholder, ...(refuse ? { refuse } : {}) }));
}

function withoutSchemas({ usable }: Connection): string | undefined {
  if (!usable || usable.engine.features.schemas) return undefined;
  return vscode.l10n.t('{0} has no schemas: back up the database, or tables of it.', usable.engine.label);
}

function schemaArgument(argument: unknown): string | undefined {
  const [node] = nodesArgument(argument, undefined);
  return node?.kind === 'schema' ? node.schema : textArgument(argument, 'schema');
}

async function chooseSchema(services: Services, title: string, connection: Connection): Promise<string> {
  const tables = await services.sessions.use(connection, (session) => session.listTables());
  const schemas = [...new Set(tables.map(({ name }) => name.schema ?? ''))];
  const placeholder = vscode.l10n.t('Choose the schema to back up');
  const choices = schemas.map((schema) => ({
    label: schema,
    iconPath: new vscode.ThemeIcon('symbol-namespace'),
    value: schema,
  }));
  return answered(await askOne(alone(title), { placeholder, choices }));
}

async function chooseTables(
  services: Services,
  title: string,
  connection: Connection,
): Promise<readonly TableName[]> {
  usableOf(connection);
  const tables = await services.sessions.use(connection, (session) => session.listTables());
  if (tables.length > 0) return answered(await askTables(alone(title), tables));
  throw new RestorePointError('usage', vscode.l10n.t('There are no tables in this database'));
}

function rowsArgument(argument: unknown): RowChoice {
  const condition = textArgument(argument, 'where');
  const withRelated = flagArgument(argument, 'withRelated');
  return { withRelated, ...(condition === undefined ? {} : { condition }) };
}

/** Throws `usage` for a condition that could be meant for several tables. */
function selectionOf(tables: readonly TableName[], { withRelated, condition }: RowChoice): BackupSelection {
  if (condition === undefined) return { tables, withRelated };
  const [table, ...others] = tables;
  if (table && others.length === 0) return { tables, withRelated, where: [{ table, condition }] };
  throw new RestorePointError('usage', 'A condition is for the rows of one table');
}

/** The tables that are selected in the tree. Throws `usage` when they are of several databases. */
function selectedTables(
  first: unknown,
  second: unknown,
): { connection: Connection; tables: TableName[] } | undefined {
  const nodes = nodesArgument(first, second).filter((node) => node.kind === 'table');
  const [node] = nodes;
  if (!node) return undefined;
  if (nodes.some((other) => other.connection.key !== node.connection.key)) {
    throw new RestorePointError('usage', 'The selected tables are of several connections', {
      unchanged: 'No backup file was written.',
      next: 'A backup is one snapshot of one database: select tables of one connection.',
    });
  }
  return { connection: node.connection, tables: nodes.map(({ table }) => table.name) };
}
