import * as path from 'node:path';
import * as vscode from 'vscode';
import type { FoundDatabase, Place } from '../../found/findDatabases.ts';
import { userSettings, workspaceSettings } from '../../found/sources/settings.ts';
import { importable, isOfWorkspace } from '../connections/found/foundConnections.ts';
import { localized } from '../localized.ts';
import { separator, type Choice, type Separator } from './inputs.ts';
import { showInput, type Back, type Frame } from './steps.ts';

type FoundChoice = Choice<FoundDatabase>;

/** At least one of the databases that can be imported. Others are listed with the reason, and cannot be checked. */
export async function askFoundDatabases(
  frame: Frame,
  databases: readonly FoundDatabase[],
  chosen: readonly FoundDatabase[] | undefined,
): Promise<readonly FoundDatabase[] | Back> {
  const input = vscode.window.createQuickPick<FoundChoice | Separator>();
  input.canSelectMany = true;
  input.placeholder =
    importable(databases).length > 0
      ? vscode.l10n.t('Choose the databases to import as connections')
      : vscode.l10n.t('None of these databases can be imported');
  input.matchOnDescription = true;
  input.matchOnDetail = true;
  const items = choicesOf(databases);
  input.items = items;
  const initial = chosen ?? importable(databases).filter(isOfWorkspace);
  input.selectedItems = items.filter((item) => isChoice(item) && initial.includes(item.value));
  input.onDidChangeSelection((selected) => {
    const possible = selected.filter((item) => !isChoice(item) || item.refusal === undefined);
    if (possible.length < selected.length) input.selectedItems = possible;
  });
  input.onDidTriggerItemButton(({ item }) => {
    if (isChoice(item)) void openPlace(item.value.places[0]!);
  });
  return await showInput(input, frame, () => {
    const values = input.selectedItems.filter(isChoice).map(({ value }) => value);
    return values.length > 0 ? values : undefined;
  });
}

function isChoice(item: FoundChoice | Separator): item is FoundChoice {
  return 'value' in item;
}

function choicesOf(databases: readonly FoundDatabase[]): (FoundChoice | Separator)[] {
  const possible = importable(databases);
  const groups = [
    { title: vscode.l10n.t('in this workspace'), own: possible.filter(isOfWorkspace) },
    { title: vscode.l10n.t('on this machine'), own: possible.filter((one) => !isOfWorkspace(one)) },
    { title: vscode.l10n.t('cannot be imported'), own: databases.filter((one) => !possible.includes(one)) },
  ];
  return groups.flatMap(({ title, own }) =>
    own.length === 0 ? [] : [separator(title), ...own.map(choiceOf)],
  );
}

function choiceOf(database: FoundDatabase): FoundChoice {
  const { name, label, problem, places } = database;
  const target = describeFound(database);
  const refusal = typeof problem === 'object' ? localized(problem.text, ...problem.values) : problem;
  const sources = placesText(places);
  return {
    label: name,
    description: [label === name ? '' : label, target, refusal === undefined ? '' : sources]
      .filter(Boolean)
      .join(' · '),
    detail: refusal === undefined ? sources : `$(circle-slash) ${refusal}`,
    buttons: [{ iconPath: new vscode.ThemeIcon('go-to-file'), tooltip: vscode.l10n.t('Open Source') }],
    value: database,
    ...(refusal === undefined ? {} : { refusal }),
  };
}

/** Its address without secrets, with the user; empty where it is not known. */
export function describeFound({ engine, address }: FoundDatabase): string {
  if (!engine || !address) return '';
  const target = engine.describe(address);
  const shown = engine.features.isFile ? vscode.workspace.asRelativePath(target) : target;
  return address.user === undefined ? shown : `${shown} · ${address.user}`;
}

/** `.env:3, docker-compose.yml:8` */
function placesText(places: readonly Place[]): string {
  const shown = places.slice(0, 3).map(placeText);
  const more = places.length - shown.length;
  return [...shown, ...(more > 0 ? [vscode.l10n.t('{0} more', more)] : [])].join(', ');
}

/** A file with its line, as editors write it. */
export function placeText({ file, line }: { readonly file: string; readonly line?: number }): string {
  if (file === userSettings) return vscode.l10n.t('user settings');
  if (file === workspaceSettings) return vscode.l10n.t('workspace settings');
  const shown = vscode.workspace.asRelativePath(file);
  return line === undefined ? shown : `${shown}:${line}`;
}

async function openPlace({ file, line }: Place): Promise<void> {
  if (file === userSettings) {
    await vscode.commands.executeCommand('workbench.action.openSettingsJson');
  } else if (file === workspaceSettings) {
    await vscode.commands.executeCommand('workbench.action.openWorkspaceSettingsFile');
  } else if (line === undefined) {
    await vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(path.normalize(file)));
  } else {
    const start = new vscode.Position(Math.max(0, line - 1), 0);
    const selection = new vscode.Range(start, start);
    await vscode.window.showTextDocument(vscode.Uri.file(file), {
      selection,
      preserveFocus: true,
      preview: true,
    });
  }
}
