/** An English text for people, which code that knows VS Code shows in the user's language. */
export type LocalizableText = string & { readonly localizable: true };

/** Marks a text for the bundle that translations are made from: `text` is a string literal. */
export function localizable(text: string): LocalizableText {
  return text as LocalizableText;
}
