import * as vscode from 'vscode';
import { alone, answered } from './choices.ts';
import { askOne, askText } from './inputs.ts';
import { askInSteps, back, type Back, type Frame, type Step } from './steps.ts';

/** Asks until a passphrase opens the file. Throws `vscode.CancellationError` when dismissed. */
export async function askPassphrase(
  name: string,
  opens: (passphrase: string) => Promise<boolean>,
): Promise<string> {
  return answered(
    await askText(alone(name), {
      prompt: vscode.l10n.t('This backup is encrypted. Enter its passphrase.'),
      password: true,
      validate: async (text) =>
        (await opens(text)) ? undefined : vscode.l10n.t('This passphrase does not open the backup.'),
    }),
  );
}

export interface NewPassphrase {
  readonly passphrase: string;
  /** Whether to save it in the secret store. */
  readonly keep: boolean;
}

/** Asks twice, because backups cannot be opened without it, and then whether to save it. */
export async function askNewPassphrase(connection: string): Promise<NewPassphrase> {
  const title = vscode.l10n.t('Encrypt Backups of {0}', connection);
  return newPassphraseOf(await askInSteps<NewPassphraseState>(title, {}, newPassphraseSteps()))!;
}

/** The answers so far. */
export interface NewPassphraseState {
  readonly passphrase?: string;
  readonly keep?: boolean;
}

export function newPassphraseOf({ passphrase, keep = false }: NewPassphraseState): NewPassphrase | undefined {
  return passphrase === undefined ? undefined : { passphrase, keep };
}

export function newPassphraseSteps<State extends NewPassphraseState>(): Step<State>[] {
  return [
    {
      async ask(state, frame) {
        const passphrase = await askText(frame, {
          prompt: vscode.l10n.t('Enter a passphrase. If you lose it, the backups cannot be opened.'),
          password: true,
          ...(state.passphrase === undefined ? {} : { value: state.passphrase }),
        });
        return passphrase === back ? back : { ...state, passphrase };
      },
    },
    {
      async ask(state, frame) {
        const again = await askText(frame, {
          prompt: vscode.l10n.t('Enter the passphrase again'),
          password: true,
          validate: (text) =>
            text === state.passphrase ? undefined : vscode.l10n.t('The passphrases do not match.'),
        });
        return again === back ? back : state;
      },
    },
    {
      async ask(state, frame) {
        const keep = await askKeep(frame, {
          placeholder: vscode.l10n.t('Remember the passphrase?'),
          remember: vscode.l10n.t('VS Code keeps it in its secret store and uses it for this connection.'),
          forget: vscode.l10n.t('You are asked for it whenever you take or open a backup.'),
        });
        return keep === back ? back : { ...state, keep };
      },
    },
  ];
}

/** Asks whether to save a secret in the secret store. */
export async function askKeep(
  frame: Frame,
  texts: { readonly placeholder: string; readonly remember: string; readonly forget: string },
): Promise<boolean | Back> {
  return await askOne(frame, {
    placeholder: texts.placeholder,
    choices: [
      {
        value: true,
        label: vscode.l10n.t('Remember on This Machine'),
        detail: texts.remember,
        iconPath: new vscode.ThemeIcon('key'),
      },
      {
        value: false,
        label: vscode.l10n.t("Don't Save"),
        detail: texts.forget,
        iconPath: new vscode.ThemeIcon('circle-slash'),
      },
    ],
  });
}

/** The file with the identity of a recipient. Throws `vscode.CancellationError`. */
export async function askIdentityFile(name: string): Promise<string> {
  const [uri] =
    (await vscode.window.showOpenDialog({
      title: vscode.l10n.t('Choose the identity file (AGE-SECRET-KEY-1…) that opens {0}', name),
      openLabel: vscode.l10n.t('Open Backup'),
    })) ?? [];
  if (!uri) throw new vscode.CancellationError();
  return uri.fsPath;
}
