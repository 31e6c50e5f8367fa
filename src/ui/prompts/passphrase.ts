import * as vscode from 'vscode';
import { alone, answered } from './choices.ts';
import { askOne, askText } from './inputs.ts';
import { askInSteps, back } from './steps.ts';

/** Asks until one opens the file. Throws `vscode.CancellationError` when it is dismissed. */
export async function askPassphrase(
  name: string,
  opens: (passphrase: string) => Promise<boolean>,
): Promise<string> {
  return answered(
    await askText(alone(name), {
      prompt: vscode.l10n.t('This backup is encrypted: its passphrase'),
      password: true,
      validate: async (text) =>
        (await opens(text)) ? undefined : vscode.l10n.t('This passphrase does not open the backup.'),
    }),
  );
}

/** Asks twice, for what is encrypted with a passphrase that nobody knows is lost. */
export async function askNewPassphrase(connection: string): Promise<string> {
  const title = vscode.l10n.t('Encrypt Backups of {0}', connection);
  const { passphrase } = await askInSteps<{ passphrase: string }>(title, { passphrase: '' }, [
    {
      async ask(state, frame) {
        const passphrase = await askText(frame, {
          prompt: vscode.l10n.t(
            'The passphrase. Whoever loses it loses the backups that are encrypted with it.',
          ),
          password: true,
          value: state.passphrase,
        });
        return passphrase === back ? back : { passphrase };
      },
    },
    {
      async ask(state, frame) {
        const again = await askText(frame, {
          prompt: vscode.l10n.t('The same passphrase again'),
          password: true,
          validate: (text) =>
            text === state.passphrase ? undefined : vscode.l10n.t('It is not the same as before.'),
        });
        return again === back ? back : state;
      },
    },
  ]);
  return passphrase;
}

/** Whether the passphrase goes into the secret store. */
export async function askKeepPassphrase(connection: string): Promise<boolean> {
  return answered(
    await askOne(alone(vscode.l10n.t('Encrypt Backups of {0}', connection)), {
      placeholder: vscode.l10n.t('Choose where the passphrase is kept'),
      choices: [
        {
          value: true,
          label: vscode.l10n.t('Secret Store'),
          detail: vscode.l10n.t('VS Code keeps it on this machine and uses it for this connection.'),
          iconPath: new vscode.ThemeIcon('key'),
        },
        {
          value: false,
          label: vscode.l10n.t('Nowhere'),
          detail: vscode.l10n.t('It is asked for every time.'),
          iconPath: new vscode.ThemeIcon('circle-slash'),
        },
      ],
    }),
  );
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
