/**
 * Controls, which a terminal obeys; marks that turn the direction of text; and what is not seen at all: letters that
 * Unicode calls ignorable (fillers of Hangul, joiners, selectors of variants), empty patterns of Braille, spaces that are
 * not the usual one, halves of characters.
 */
const hidden =
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\u2800\ufff9-\ufffb\u{13430}-\u{1343f}\u{1d159}\p{Default_Ignorable_Code_Point}\p{Cs}]|(?! )\p{Zs}/gu;

/** A text that came from elsewhere, for people to read: what they could not see, or would be led astray by, is named. */
export function visible(text: string): string {
  return escapeHidden(
    text,
    (character) => `⟨${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`,
  );
}

/** A text with something in place of each of these characters. */
export function escapeHidden(text: string, escape: (character: string) => string): string {
  return text.replace(hidden, escape);
}

/** The same of a text that may have several lines: all but the first are set in, so that none passes for one of ours. */
export function visibleLines(text: string): string {
  return text.split(/\r?\n/).map(visible).join('\n    ');
}
