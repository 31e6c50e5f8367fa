/**
 * A text of a file may have parts that only the program itself knows: a variable that no file sets, the result of a
 * function. A hole is in their place. It begins with this character, which no text file contains, and ends with it.
 */
const mark = '\u0001';

/** A hole for a variable; without a name, for what only code computes. */
export function hole(variable = ''): string {
  // Another text could be anything, and a name is shown.
  return `${mark}${/^[A-Za-z_]\w{0,60}$/.test(variable) ? variable : ''}${mark}`;
}

export function hasHole(text: string): boolean {
  return text.includes(mark);
}

/** The names of the variables that are missing in a text; an empty one for what only code computes. */
export function holesIn(text: string): string[] {
  return text.split(mark).filter((_, index) => index % 2 === 1);
}

/** Whether the text is a hole for a variable and nothing else. */
export function isMissingVariable(text: string): boolean {
  return text.length > 2 && text.startsWith(mark) && text.indexOf(mark, 1) === text.length - 1;
}

/** The text of a file, in which nothing looks like a hole. */
export function withoutHoles(text: string): string {
  return text.replaceAll(mark, ' ');
}
