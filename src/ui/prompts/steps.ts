import * as vscode from 'vscode';

/** A prompt resolves with this when the user goes back. */
export const back = Symbol('back');
export type Back = typeof back;

/** Title and position of a prompt in its sequence of steps. */
export interface Frame {
  readonly title: string;
  readonly step: number;
  readonly totalSteps: number;
  readonly canGoBack: boolean;
}

export interface Step<State> {
  /** The step is skipped while this is false. */
  applies?(state: State): boolean;
  /** Its answer is known: the way forward leads past it, the way back to it. */
  isAnswered?(state: State): boolean;
  /** Asks, with the current state filled in, and resolves with the new state. */
  ask(state: State, frame: Frame): Promise<State | Back>;
}

/**
 * Goes through the steps, forwards and back. Going back keeps the answers.
 * Throws `vscode.CancellationError` when a prompt is dismissed.
 */
export async function askInSteps<State>(
  title: string,
  initial: State,
  steps: readonly Step<State>[],
  start: 'first' | 'last' = 'first',
): Promise<State> {
  let state = initial;
  const applies = (step: Step<State>): boolean => step.applies?.(state) ?? true;
  const isOpen = (step: Step<State>): boolean => applies(step) && step.isAnswered?.(state) !== true;
  let current = start === 'first' ? steps.find(isOpen) : steps.findLast(applies);
  while (current) {
    const index = steps.indexOf(current);
    const before = steps.slice(0, index).filter(applies);
    const answer = await current.ask(state, {
      title,
      step: before.length + 1,
      totalSteps: steps.filter(applies).length,
      canGoBack: before.length > 0,
    });
    if (answer === back) {
      current = before.at(-1) ?? current;
    } else {
      state = answer;
      current = steps.slice(index + 1).find(isOpen);
    }
  }
  return state;
}

/** Shows an input until `accept` gives a result, Back is pressed, or it is dismissed. Disposes of it. */
export async function showInput<Result>(
  input: vscode.QuickPick<vscode.QuickPickItem> | vscode.InputBox,
  frame: Frame,
  accept: () => Result | undefined | Promise<Result | undefined>,
): Promise<Result | Back> {
  Object.assign(input, { title: frame.title, ignoreFocusOut: true });
  // A single step needs no numbering.
  if (frame.totalSteps > 1) Object.assign(input, { step: frame.step, totalSteps: frame.totalSteps });
  if (frame.canGoBack) input.buttons = [vscode.QuickInputButtons.Back, ...input.buttons];
  try {
    return await new Promise<Result | Back>((resolve, reject) => {
      input.onDidTriggerButton((button) => {
        if (button === vscode.QuickInputButtons.Back) resolve(back);
      });
      input.onDidAccept(() => {
        Promise.resolve(accept()).then((result) => {
          if (result !== undefined) resolve(result);
        }, reject);
      });
      input.onDidHide(() => reject(new vscode.CancellationError()));
      input.show();
    });
  } finally {
    input.dispose();
  }
}
