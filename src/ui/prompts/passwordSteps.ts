import * as vscode from 'vscode';
import type { ConnectionDraft, DraftPassword } from '../connections/connectionDraft.ts';
import { askOne, askText, type Choice } from './inputs.ts';
import { back, type Step } from './steps.ts';

type Kind = DraftPassword['kind'];

/** Asks for the source of the password, and then for the password or the name of the variable. */
export function passwordSteps(adding: boolean): Step<ConnectionDraft>[] {
  return [
    {
      async ask(draft, frame) {
        const kind = await askOne(frame, {
          placeholder: vscode.l10n.t('Choose where the password comes from'),
          choices: kinds(),
          isChosen: (value) => value === (draft.password?.kind ?? 'stored'),
        });
        if (kind === back) return back;
        return kind === draft.password?.kind ? draft : { ...draft, password: begin(kind) };
      },
    },
    {
      applies: ({ password }) => password?.kind === 'stored',
      async ask(draft, frame) {
        const known = draft.password?.kind === 'stored' ? draft.password.text : undefined;
        const text = await askText(frame, {
          prompt: adding
            ? vscode.l10n.t('Enter the password. It is kept in the secret store, never in settings.')
            : vscode.l10n.t('Enter the password, or leave it empty to keep the saved one.'),
          password: true,
          optional: !adding,
          ...(known === undefined ? {} : { value: known }),
        });
        if (text === back) return back;
        return { ...draft, password: text === '' ? { kind: 'stored' } : { kind: 'stored', text } };
      },
    },
    {
      applies: ({ password }) => password?.kind === 'environment',
      async ask(draft, frame) {
        const known = draft.password?.kind === 'environment' ? draft.password.variable : '';
        const variable = await askText(frame, {
          prompt: vscode.l10n.t('Name of the environment variable that holds the password'),
          placeholder: 'PGPASSWORD',
          value: known,
          validate: (text) =>
            /[\s=$]/.test(text) ? vscode.l10n.t('Enter only the name of the variable.') : undefined,
        });
        return variable === back ? back : { ...draft, password: { kind: 'environment', variable } };
      },
    },
  ];
}

function begin(kind: Kind): DraftPassword {
  return kind === 'environment' ? { kind, variable: '' } : { kind };
}

function kinds(): Choice<Kind>[] {
  return [
    {
      value: 'stored',
      label: vscode.l10n.t('Remember on This Machine'),
      detail: vscode.l10n.t('Enter it now; VS Code keeps it in its secret store.'),
      iconPath: new vscode.ThemeIcon('key'),
    },
    {
      value: 'environment',
      label: vscode.l10n.t('Environment Variable'),
      detail: vscode.l10n.t('Read from the environment that VS Code was started with.'),
      iconPath: new vscode.ThemeIcon('symbol-variable'),
    },
    {
      value: 'none',
      label: vscode.l10n.t('No Password'),
      detail: vscode.l10n.t('The server needs none, or a pgpass file contains it.'),
      iconPath: new vscode.ThemeIcon('unlock'),
    },
  ];
}
