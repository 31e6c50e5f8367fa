/** Controls, which a terminal obeys; marks that turn the direction of text; and what is not seen at all. */
const hidden =
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** A text that came from elsewhere, for people to read: what they could not see, or would be led astray by, is named. */
export function visible(text: string): string {
  return text.replace(
    hidden,
    (character) => `⟨${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`,
  );
}

/** The same of a text that may have several lines: all but the first are set in, so that none passes for one of ours. */
export function visibleLines(text: string): string {
  return text.split(/\r?\n/).map(visible).join('\n    ');
}
