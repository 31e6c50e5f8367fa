/** An English text for people, which code that knows VS Code shows in the user's language. */
export type LocalizableText = string & { readonly localizable: true };

/** Such a text with the values for `{0}`, `{1}`. */
export interface Message {
  readonly text: LocalizableText;
  readonly values: readonly string[];
}

/** Marks a text for the bundle that translations are made from: `text` is a string literal. */
export function localizable(text: string): LocalizableText {
  return text as LocalizableText;
}

/** For code that knows no other language. */
export function inEnglish({ text, values }: Message): string {
  return text.replace(/\{(\d)\}/g, (_, index: string) => values[Number(index)] ?? '');
}
