import * as vscode from 'vscode';
import type { ConnectionDraft } from '../connections/connectionDraft.ts';
import { askOne, askText } from './inputs.ts';
import { back, type Step } from './steps.ts';

type Kind = 'none' | 'passphrase' | 'recipients';

function kindOf({ encrypt }: ConnectionDraft): Kind {
  if (encrypt === undefined) return 'none';
  return encrypt === 'passphrase' ? encrypt : 'recipients';
}

/** Whether backups of a connection are encrypted, and how. */
export function encryptionSteps(): Step<ConnectionDraft>[] {
  return [
    {
      async ask(draft, frame) {
        const kind = await askOne<Kind>(frame, {
          placeholder: vscode.l10n.t('Choose whether to encrypt backups of this connection'),
          choices: [
            { value: 'none', label: vscode.l10n.t('Not Encrypted') },
            {
              value: 'passphrase',
              label: vscode.l10n.t('With a Passphrase'),
              detail: vscode.l10n.t('You are asked for it when you take the first backup.'),
            },
            {
              value: 'recipients',
              label: vscode.l10n.t('To Recipients'),
              detail: vscode.l10n.t('age public keys (age1…). The matching identity files open the backups.'),
            },
          ],
          isChosen: (value) => value === kindOf(draft),
        });
        if (kind === back) return back;
        if (kind === kindOf(draft)) return draft;
        const { encrypt: _, ...rest } = draft;
        return kind === 'none' ? rest : { ...rest, encrypt: kind === 'passphrase' ? kind : [] };
      },
    },
    {
      applies: (draft) => kindOf(draft) === 'recipients',
      async ask(draft, frame) {
        const known = typeof draft.encrypt === 'object' ? draft.encrypt.join(' ') : draft.encrypt;
        const text = await askText(frame, {
          prompt: vscode.l10n.t('Recipients, separated by spaces'),
          placeholder: 'age1…',
          value: known ?? '',
          validate: (typed) =>
            typed.split(/[\s,]+/).every((one) => one.startsWith('age1'))
              ? undefined
              : vscode.l10n.t('A recipient starts with age1.'),
        });
        return text === back ? back : { ...draft, encrypt: text.split(/[\s,]+/) };
      },
    },
  ];
}
