import * as vscode from 'vscode';
import { describeError, RestorePointError } from '../../core/errors.ts';
import type { FoundDatabase } from '../../found/findDatabases.ts';
import type { Connection, SettingsScope } from '../connections/connection.ts';
import { itemOf, newConnectionId } from '../connections/connectionDraft.ts';
import { refuseInRestrictedMode } from '../connections/connector.ts';
import { importable, isOfWorkspace, type FoundConnections } from '../connections/found/foundConnections.ts';
import { askOne } from '../prompts/inputs.ts';
import { askFoundDatabases, describeFound, placeText } from '../prompts/foundDatabases.ts';
import { askInSteps, back, type Step } from '../prompts/steps.ts';
import type { Services } from '../services.ts';
import { flagArgument } from './commandArguments.ts';
import type { CommandTable } from './commandTable.ts';
import { portableFolder } from './saveConnection.ts';

/** What an import did. */
export interface ImportReport {
  /** The ids of the new connections. */
  readonly imported: readonly string[];
  readonly passwords: number;
  /** What was not imported, with the reason. */
  readonly failed: readonly string[];
}

interface Answers {
  readonly chosen?: readonly FoundDatabase[];
  readonly ofUser: boolean;
}

/** With `{ all: true }` nothing is asked: all that can be imported from the workspace goes into its settings. */
export function importCommand(services: Services): Pick<CommandTable, 'restorePoint.importConnections'> {
  return {
    'restorePoint.importConnections': {
      operation: vscode.l10n.t('Importing connections'),
      run: (first) => importConnections(services, flagArgument(first, 'all')),
    },
  };
}

async function importConnections(services: Services, all: boolean): Promise<ImportReport | undefined> {
  // Reading texts would be harmless, but connections of this workspace's settings do not count in Restricted Mode.
  refuseInRestrictedMode();
  const found = await find(services);
  logBroken(services, found);
  const nothing = all ? !importable(found.databases).some(isOfWorkspace) : found.databases.length === 0;
  if (nothing) return tellNothing(services, found, all);
  const answers: Answers = all
    ? { chosen: importable(found.databases).filter(isOfWorkspace), ofUser: false }
    : await ask(services, found);
  const report = await save(services, answers);
  const text = reportText(services, report);
  services.log.info(text);
  if (!all) services.boundary.inform(text);
  return report;
}

/** A search that takes less, in milliseconds, shows no progress. */
const patience = 400;

async function find({ finder }: Services): Promise<FoundConnections> {
  const source = new vscode.CancellationTokenSource();
  const work = finder.find(source.token);
  const early = await Promise.race([
    work,
    new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), patience)),
  ]);
  if (early) return early;
  const display = {
    location: vscode.ProgressLocation.Notification,
    title: vscode.l10n.t('Looking for databases in this workspace…'),
    cancellable: true,
  };
  return await vscode.window.withProgress(display, async (_, token) => {
    token.onCancellationRequested(() => source.cancel());
    return await work;
  });
}

function logBroken({ log }: Services, { broken }: FoundConnections): void {
  for (const file of broken) {
    log.warn(`${placeText(file)}: ${file.reason}. Databases that it names may be missing from the list.`);
  }
}

function tellNothing({ boundary }: Services, { known }: FoundConnections, all: boolean): ImportReport {
  const text =
    known > 0
      ? vscode.l10n.t('All databases that were found are already connections.')
      : vscode.l10n.t(
          'No databases were found in this workspace: no URLs in .env files, no settings of Knex, Prisma, Django, SQLAlchemy or Docker Compose, and no SQLite files.',
        );
  const add = {
    title: vscode.l10n.t('Add Connection…'),
    run: () => vscode.commands.executeCommand('restorePoint.addConnection'),
  };
  if (!all) boundary.inform(text, [add]);
  return { imported: [], passwords: 0, failed: [] };
}

async function ask({ store }: Services, { databases }: FoundConnections): Promise<Answers> {
  const steps: Step<Answers>[] = [
    {
      async ask(answers, frame) {
        const chosen = await askFoundDatabases(frame, databases, answers.chosen);
        return chosen === back ? back : { ...answers, chosen };
      },
    },
    {
      applies: () => store.scopes().length > 1,
      async ask(answers, frame) {
        const ofUser = await askOne(frame, {
          placeholder: vscode.l10n.t('Choose where to save the connections'),
          choices: [
            {
              label: vscode.l10n.t('Workspace'),
              description: vscode.l10n.t('available to everyone who uses this workspace'),
              value: false,
            },
            {
              label: vscode.l10n.t('User'),
              description: vscode.l10n.t('available in every workspace'),
              value: true,
            },
          ],
          isChosen: (value) => value === answers.ofUser,
        });
        return ofUser === back ? back : { ...answers, ofUser };
      },
    },
  ];
  return await askInSteps<Answers>(vscode.l10n.t('Import Connections'), { ofUser: false }, steps);
}

async function save(services: Services, { chosen = [], ofUser }: Answers): Promise<ImportReport> {
  const imported: string[] = [];
  const failed: string[] = [];
  let passwords = 0;
  for (const database of chosen) {
    try {
      const connection = connectionOf(services, database, scopeOf(services, database, ofUser));
      await services.store.save(connection.item as { id: string }, connection.scope);
      imported.push(connection.id);
      if (database.password === undefined) await services.passwords.forget(connection);
      else {
        await services.passwords.save(connection, database.password);
        passwords++;
      }
    } catch (error) {
      failed.push(`${database.name}: ${describeError(error)}`);
    }
  }
  if (imported.length === 0 && failed.length > 0) {
    throw new RestorePointError('usage', failed.join(' '), { unchanged: 'No connection was imported.' });
  }
  return { imported, passwords, failed };
}

/** The settings of the folder that names it, or those of the workspace or the user. */
function scopeOf({ store }: Services, { places }: FoundDatabase, ofUser: boolean): SettingsScope {
  const scopes = store.scopes();
  const [first] = scopes.filter(({ target }) => target === vscode.ConfigurationTarget.Workspace);
  const user = scopes.find(({ target }) => target === vscode.ConfigurationTarget.Global)!;
  if (ofUser || !first) return user;
  const folder = places.find((place) => place.folder !== undefined)?.folder;
  const own = scopes.find(
    (scope) =>
      scope.target === vscode.ConfigurationTarget.WorkspaceFolder && scope.folder?.uri.fsPath === folder,
  );
  return own ?? first;
}

function connectionOf({ store }: Services, database: FoundDatabase, scope: SettingsScope): Connection {
  const known = store.list();
  const name = known.some((one) => one.name === database.name)
    ? `${database.name} (${describeFound({ ...database, address: withoutUser(database) })})`
    : database.name;
  const id = newConnectionId(
    database.name,
    known.map((one) => one.id),
  );
  const item = itemOf({ ...database.address!, name, id }, portableFolder(scope));
  const usable = store.parse(item, scope);
  return { key: `${scope.key} ${id}`, id, name: usable.settings.name, scope, item, usable };
}

function withoutUser({ address }: FoundDatabase): NonNullable<FoundDatabase['address']> {
  const { user: _, ...rest } = address!;
  return rest;
}

/** `Imported 2 connections: shop, dev. 1 password was found and is now in the secret store.` */
function reportText({ store }: Services, { imported, passwords, failed }: ImportReport): string {
  const names = store
    .list()
    .filter(({ id }) => imported.includes(id))
    .map(({ name }) => name)
    .join(', ');
  return [
    imported.length === 1
      ? vscode.l10n.t('Imported the connection {0}.', names)
      : vscode.l10n.t('Imported {0} connections: {1}.', imported.length, names),
    ...(passwords === 0 ? [] : [passwordsText(passwords)]),
    ...(failed.length === 0 ? [] : [vscode.l10n.t('Not imported: {0}', failed.join(' '))]),
  ].join(' ');
}

function passwordsText(count: number): string {
  return count === 1
    ? vscode.l10n.t('1 password was found and is now in the secret store.')
    : vscode.l10n.t('{0} passwords were found and are now in the secret store.', count);
}
