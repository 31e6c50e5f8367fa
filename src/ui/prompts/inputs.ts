import * as vscode from 'vscode';
import { showInput, type Back, type Frame } from './steps.ts';

export interface Choice<Value> extends vscode.QuickPickItem {
  readonly value: Value;
  /** Why it cannot be chosen, as a full sentence. It is listed all the same, so that nobody searches for it. */
  readonly refusal?: string;
}

/** A choice that cannot be chosen, with a sign. `short` is the reason shown below it, where there is little room. */
export function refuse<Value>(choice: Choice<Value>, refusal: string, short = refusal): Choice<Value> {
  return { ...choice, refusal, detail: short, iconPath: new vscode.ThemeIcon('circle-slash') };
}

/** A line between choices. */
export interface Separator extends vscode.QuickPickItem {
  readonly kind: vscode.QuickPickItemKind.Separator;
}

export function separator(label: string): Separator {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}

function isChoice<Value>(item: Choice<Value> | Separator): item is Choice<Value> {
  return 'value' in item;
}

export interface ChoiceOptions<Value> {
  readonly placeholder: string;
  readonly choices: readonly (Choice<Value> | Separator)[];
  /** Whether a choice is active (in `askMany`: selected) at first. */
  isChosen?(value: Value): boolean;
}

/** One of the choices. Choosing a refused one says why and keeps the prompt open. */
export async function askOne<Value>(frame: Frame, options: ChoiceOptions<Value>): Promise<Value | Back> {
  const input = vscode.window.createQuickPick<Choice<Value> | Separator>();
  input.placeholder = options.placeholder;
  input.items = options.choices;
  input.matchOnDescription = true;
  input.matchOnDetail = true;
  const active = options.choices.filter((item) => isChoice(item) && options.isChosen?.(item.value));
  // Setting an empty list would deactivate the first item, which Enter accepts.
  if (active.length > 0) input.activeItems = active;
  const answer = await showInput(input, frame, () => {
    const [item] = input.selectedItems;
    if (item && isChoice(item) && item.refusal !== undefined) {
      void vscode.window.showWarningMessage(item.refusal);
      return undefined;
    }
    // Wrapped: the value itself may be undefined.
    return item && isChoice(item) ? { value: item.value } : undefined;
  });
  return typeof answer === 'symbol' ? answer : answer.value;
}

/** At least one of the choices. A refused one cannot be selected; its detail says why. */
export async function askMany<Value>(frame: Frame, options: ChoiceOptions<Value>): Promise<Value[] | Back> {
  const input = vscode.window.createQuickPick<Choice<Value> | Separator>();
  input.canSelectMany = true;
  input.placeholder = options.placeholder;
  input.matchOnDescription = true;
  input.items = options.choices;
  input.selectedItems = options.choices.filter((item) => isChoice(item) && options.isChosen?.(item.value));
  const isRefused = (item: Choice<Value> | Separator): boolean =>
    isChoice(item) && item.refusal !== undefined;
  input.onDidChangeSelection((items) => {
    if (items.some(isRefused)) input.selectedItems = items.filter((item) => !isRefused(item));
  });
  return await showInput(input, frame, () => {
    const values = input.selectedItems
      .filter(isChoice)
      .filter((item) => !isRefused(item))
      .map((item) => item.value);
    return values.length > 0 ? values : undefined;
  });
}

export interface TextOptions {
  readonly prompt: string;
  readonly value?: string;
  readonly placeholder?: string;
  readonly password?: boolean;
  /** May be left empty. */
  readonly optional?: boolean;
  /** Returns what is wrong with a text. */
  validate?(text: string): string | undefined | Promise<string | undefined>;
}

/** A line of text; trimmed, unless it is a password. */
export async function askText(frame: Frame, options: TextOptions): Promise<string | Back> {
  const input = vscode.window.createInputBox();
  input.prompt = options.prompt;
  input.value = options.value ?? '';
  input.placeholder = options.placeholder;
  input.password = options.password ?? false;
  const textOf = (): string => (options.password ? input.value : input.value.trim());
  input.onDidChangeValue(() => {
    input.validationMessage = undefined;
  });
  return await showInput(input, frame, async () => {
    const text = textOf();
    const check = async (): Promise<string | undefined> => {
      if (text === '') return options.optional ? undefined : vscode.l10n.t('A value is required.');
      return await options.validate?.(text);
    };
    input.busy = true;
    const problem = await check().finally(() => (input.busy = false));
    input.validationMessage = problem;
    return problem === undefined ? text : undefined;
  });
}
