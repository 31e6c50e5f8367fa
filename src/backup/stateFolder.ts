import { homedir } from 'node:os';
import * as path from 'node:path';

/** The folder for data that a user would miss but did not create: safety backups go there. */
export function stateFolder(env: NodeJS.ProcessEnv = process.env, platform = process.platform): string {
  const state = env['XDG_STATE_HOME'];
  // The XDG specification has relative paths ignored.
  if (state && path.isAbsolute(state)) return path.join(state, 'restore-point');
  if (platform === 'win32') {
    return path.join(env['LOCALAPPDATA'] ?? path.join(homedir(), 'AppData', 'Local'), 'restore-point');
  }
  if (platform === 'darwin') return path.join(homedir(), 'Library', 'Application Support', 'restore-point');
  return path.join(homedir(), '.local', 'state', 'restore-point');
}
