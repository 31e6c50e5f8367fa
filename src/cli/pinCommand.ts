import * as path from 'node:path';
import { isPinned, pinBackup, unpinBackup } from '../backup/pins.ts';
import { visible } from '../core/visible.ts';
import type { PinArguments } from './folderArguments.ts';
import type { Output } from './output.ts';

export async function pin({ command, file: given }: PinArguments, output: Output): Promise<void> {
  const file = path.resolve(given);
  await (command === 'pin' ? pinBackup(file) : unpinBackup(file));
  const said =
    command === 'pin' ? 'Pinned: prune keeps this backup' : 'Unpinned: prune may remove this backup';
  output.result(visible(`${said}: ${file}`), { file, pinned: await isPinned(file) });
}
