import * as vscode from 'vscode';
import { messageOf } from '../../core/errors.ts';
import type { Engine } from '../../engines/engine.ts';
import type { SettingsScope } from '../connections/connection.ts';
import { suggestedName, type ConnectionDraft } from '../connections/connectionDraft.ts';
import type { ConnectionStore } from '../connections/connectionStore.ts';
import { localized } from '../localized.ts';
import { addressStep } from './addressSteps.ts';
import { encryptionSteps } from './encryptionSteps.ts';
import { askOne, askText } from './inputs.ts';
import { passwordSteps } from './passwordSteps.ts';
import { back, type Back, type Frame, type Step } from './steps.ts';

/** The answers of Add and Edit Connection. */
export interface ConnectionAnswers {
  /** Undefined until the first step. */
  readonly draft?: ConnectionDraft;
  /** A URL is pasted instead of separate parts. */
  readonly byUrl: boolean;
  /** The URL contained the password. */
  readonly passwordInUrl?: boolean;
  readonly scope: SettingsScope;
}

type Answers = ConnectionAnswers & { readonly draft: ConnectionDraft };
type ConnectionStep = Step<ConnectionAnswers>;

/** The steps in order. With `adding`, they also ask for the engine and the place in the settings. */
export function connectionSteps(
  engines: readonly Engine[],
  store: ConnectionStore,
  adding: boolean,
): ConnectionStep[] {
  const isServer = ({ draft }: ConnectionAnswers): boolean =>
    engines.find(({ id }) => id === draft?.engine)?.features.isFile === false;
  return [
    ...(adding ? [wayStep(engines)] : []),
    { applies: ({ byUrl }) => byUrl, ask: (answers, frame) => askUrl(answers, frame, store, engines) },
    ...engines.flatMap(({ id, form }) =>
      form.questions.map((question): ConnectionStep => {
        const step = addressStep(question);
        return {
          applies: ({ draft, byUrl }) => draft?.engine === id && !byUrl && (step.applies?.(draft) ?? true),
          ask: withDraft((draft, frame) => step.ask(draft, frame)),
        };
      }),
    ),
    ...passwordSteps(adding).map((step) => ({
      applies: (answers: ConnectionAnswers) =>
        isServer(answers) && !passwordInUrl(answers) && (step.applies?.(answers.draft!) ?? true),
      ask: withDraft((draft, frame) => step.ask(draft, frame)),
    })),
    { ask: withDraft(askName) },
    // Not when adding: a new connection should work first.
    ...(adding ? [] : encryptionSteps()).map((step) => ({
      applies: (answers: ConnectionAnswers) => step.applies?.(answers.draft!) ?? true,
      ask: withDraft((draft, frame) => step.ask(draft, frame)),
    })),
    ...(adding ? [scopeStep(store.scopes())] : []),
  ];
}

function passwordInUrl(answers: ConnectionAnswers): boolean {
  return answers.byUrl && (answers.passwordInUrl ?? false);
}

function withDraft(
  ask: (draft: ConnectionDraft, frame: Frame) => Promise<ConnectionDraft | Back>,
): ConnectionStep['ask'] {
  return async (answers, frame) => {
    const draft = await ask((answers as Answers).draft, frame);
    return draft === back ? back : { ...answers, draft };
  };
}

function wayStep(engines: readonly Engine[]): ConnectionStep {
  return {
    async ask(answers, frame) {
      const chosen = await askOne<Engine | undefined>(frame, {
        placeholder: vscode.l10n.t('Choose the kind of database'),
        choices: [
          ...engines.map((engine) => ({
            label: engine.label,
            description: localized(engine.form.summary),
            iconPath: new vscode.ThemeIcon(engine.features.isFile ? 'file' : 'server'),
            value: engine,
          })),
          {
            label: vscode.l10n.t('Connection URL'),
            description: vscode.l10n.t('paste one, such as {0}', exampleUrl(engines)),
            iconPath: new vscode.ThemeIcon('link'),
            value: undefined,
          },
        ],
        isChosen: (engine) =>
          answers.byUrl ? engine === undefined : engine !== undefined && engine.id === answers.draft?.engine,
      });
      if (chosen === back) return back;
      if (!chosen) return { ...answers, byUrl: true };
      const same = answers.draft?.engine === chosen.id;
      return { ...answers, byUrl: false, draft: same ? answers.draft : { engine: chosen.id } };
    },
  };
}

/** Splits a URL into its parts; its password goes into the secret store. A URL with variables stays as it is. */
async function askUrl(
  answers: ConnectionAnswers,
  frame: Frame,
  store: ConnectionStore,
  engines: readonly Engine[],
): Promise<ConnectionAnswers | Back> {
  const { draft, scope } = answers;
  const url = await askText(frame, {
    prompt: vscode.l10n.t('Paste the database URL. A password in it goes into the secret store.'),
    placeholder: exampleUrl(engines),
    ...(draft?.url === undefined ? {} : { value: draft.url }),
    validate: (text) => problemOf(() => void readUrl(text, scope, store, engines)),
  });
  if (url === back) return back;
  const { address, password } = readUrl(url, scope, store, engines);
  const kept = draft && { name: draft.name, id: draft.id, password: draft.password };
  const given = Object.entries({ ...kept }).filter(([, value]) => value !== undefined);
  const common = Object.fromEntries(given) as Partial<ConnectionDraft>;
  const target = url.includes('${') ? { engine: address.engine, url } : address;
  return {
    ...answers,
    passwordInUrl: password !== undefined,
    draft: {
      ...common,
      ...target,
      ...(password === undefined ? {} : { password: { kind: 'stored', text: password } }),
    },
  };
}

/** An example for a server, if there is one: URLs are more common there. */
function exampleUrl(engines: readonly Engine[]): string {
  const engine = engines.find(({ features }) => !features.isFile) ?? engines[0];
  return engine?.form.exampleUrl ?? '';
}

function readUrl(
  text: string,
  scope: SettingsScope,
  store: ConnectionStore,
  engines: readonly Engine[],
): NonNullable<ReturnType<ConnectionStore['parseUrl']>> {
  if (text.includes('${')) return { address: store.parse({ id: 'new', url: text }, scope).settings.address };
  const parsed = store.parseUrl(text);
  if (parsed) return parsed;
  const examples = engines.map(({ form }) => form.exampleUrl);
  throw new Error(vscode.l10n.t('Unsupported database URL. Write one like {0}.', examples.join(', ')));
}

function problemOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

async function askName(draft: ConnectionDraft, frame: Frame): Promise<ConnectionDraft | Back> {
  const name = await askText(frame, {
    prompt: vscode.l10n.t('Name of the connection'),
    value: draft.name ?? suggestedName(draft),
  });
  return name === back ? back : { ...draft, name };
}

function scopeStep(scopes: readonly SettingsScope[]): ConnectionStep {
  const several = scopes.length > 1;
  return {
    applies: () => several,
    async ask(answers, frame) {
      const scope = await askOne(frame, {
        placeholder: vscode.l10n.t('Choose where to save the connection'),
        choices: scopes.map((value) => ({ ...scopeLabel(value), value })),
        isChosen: ({ key }) => key === answers.scope.key,
      });
      return scope === back ? back : { ...answers, scope };
    },
  };
}

function scopeLabel({ target, folder }: SettingsScope): { label: string; description: string } {
  switch (target) {
    case vscode.ConfigurationTarget.Global:
      return { label: vscode.l10n.t('User'), description: vscode.l10n.t('available in every workspace') };
    case vscode.ConfigurationTarget.Workspace:
      return {
        label: vscode.l10n.t('Workspace'),
        description: vscode.l10n.t('available to everyone who uses this workspace'),
      };
    case vscode.ConfigurationTarget.WorkspaceFolder:
      return {
        label: folder?.name ?? '',
        description: vscode.l10n.t('saved in the settings of this folder'),
      };
  }
}
