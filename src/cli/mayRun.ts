import { RestorePointError } from '../core/errors.ts';
import type { CodeToRun } from '../restore/codeToRun.ts';
import { askYes } from './askYes.ts';
import { codeListText, foreignCodeText } from './summary.ts';
import type { Work } from './terminal.ts';

/** Asks about statements of a backup from elsewhere. Throws `refused` where nobody can be asked. */
export async function mayRun(code: CodeToRun, { signal, terminal }: Work): Promise<boolean> {
  terminal.stderr.write(`${foreignCodeText(code)}:\n${codeListText(code)}\n`);
  if (!terminal.stdin.isTTY) {
    throw new RestorePointError('refused', foreignCodeText(code), {
      unchanged: 'Nothing was changed.',
      next: 'Read them with inspect --statements, then add --trust. With --data-only, none of them run.',
    });
  }
  terminal.stderr.write('To read them: restore-point inspect --statements FILE\n');
  return await askYes('Run them? [y/N] ', terminal, signal);
}
