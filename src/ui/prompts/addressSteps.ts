import * as vscode from 'vscode';
import type { AddressQuestion } from '../../core/connectionForm.ts';
import { sslModes, type SslMode } from '../../core/connections.ts';
import { formatHost, isLocalHost, parseHost, type ConnectionDraft } from '../connections/connectionDraft.ts';
import { localized } from '../localized.ts';
import { askDatabaseFile } from './databaseFile.ts';
import { askOne, askText } from './inputs.ts';
import { back, type Back, type Frame, type Step } from './steps.ts';

/** How an engine's question about the address is asked. */
export function addressStep(question: AddressQuestion): Step<ConnectionDraft> {
  switch (question.kind) {
    case 'file':
      return {
        async ask(draft, frame) {
          const file = await askDatabaseFile(question, frame, draft.file);
          return file === back ? back : { ...draft, file };
        },
      };
    case 'host':
      return { ask: (draft, frame) => askHost(question, draft, frame) };
    case 'text':
      return { ask: (draft, frame) => askProperty(question, draft, frame) };
    case 'ssl':
      return { applies: ({ host }) => !isLocalHost(host), ask: askSsl };
  }
}

async function askHost(
  { prompt, placeholder }: Extract<AddressQuestion, { kind: 'host' }>,
  draft: ConnectionDraft,
  frame: Frame,
): Promise<ConnectionDraft | Back> {
  const text = await askText(frame, {
    prompt: localized(prompt),
    placeholder,
    value: formatHost(draft) || 'localhost',
    validate: (host) =>
      parseHost(host) ? undefined : vscode.l10n.t('Enter host, host:port or [IPv6 address]:port.'),
  });
  if (text === back) return back;
  const { host: _host, port: _port, ...rest } = draft;
  return { ...rest, ...parseHost(text) };
}

async function askProperty(
  { property, prompt }: Extract<AddressQuestion, { kind: 'text' }>,
  draft: ConnectionDraft,
  frame: Frame,
): Promise<ConnectionDraft | Back> {
  const value = draft[property];
  const text = await askText(frame, {
    prompt: localized(prompt),
    ...(value === undefined ? {} : { value }),
  });
  return text === back ? back : { ...draft, [property]: text };
}

async function askSsl(draft: ConnectionDraft, frame: Frame): Promise<ConnectionDraft | Back> {
  const meaning: Readonly<Record<SslMode, string>> = {
    'verify-full': vscode.l10n.t('encrypted; the certificate must match the host name (recommended)'),
    'verify-ca': vscode.l10n.t('encrypted; the certificate must be signed by a trusted authority'),
    require: vscode.l10n.t('encrypted, but the server is not verified'),
    prefer: vscode.l10n.t('encrypted if the server supports it'),
    disable: vscode.l10n.t('not encrypted'),
  };
  const ssl = await askOne(frame, {
    placeholder: vscode.l10n.t('Choose how the connection is encrypted'),
    choices: sslModes.toReversed().map((mode) => ({ label: mode, description: meaning[mode], value: mode })),
    isChosen: (mode) => mode === (draft.ssl ?? 'verify-full'),
  });
  return ssl === back ? back : { ...draft, ssl };
}
