import { RestorePointError } from './errors.ts';

/** The name and the note that a person gives to a backup. */
export interface BackupLabel {
  readonly name?: string;
  readonly note?: string;
}

/** In characters, as the manifest's schema counts them. */
export const longestName = 100;
export const longestNote = 2000;

/** Why a text cannot be the name of a backup, as a sentence; undefined for one that can, and for an empty one. */
export function nameProblem(name: string): string | undefined {
  if (/[\r\n\u2028\u2029]/.test(name)) return 'The name of a backup is a single line.';
  return lengthProblem('name', name, longestName);
}

export function noteProblem(note: string): string | undefined {
  return lengthProblem('note', note, longestNote);
}

function lengthProblem(what: string, text: string, most: number): string | undefined {
  const length = [...text].length;
  return length > most
    ? `The ${what} of a backup has at most ${most} characters; this one has ${length}.`
    : undefined;
}

/** Without what is empty. Throws `usage` for a text that is too long, or a name of several lines. */
export function checkedLabel({ name = '', note = '' }: BackupLabel): BackupLabel {
  const problem = nameProblem(name) ?? noteProblem(note);
  if (problem !== undefined) {
    throw new RestorePointError('usage', problem.slice(0, -1), { unchanged: 'No backup file was written.' });
  }
  return {
    ...(name.trim() === '' ? {} : { name: name.trim() }),
    ...(note.trim() === '' ? {} : { note: note.trim() }),
  };
}
