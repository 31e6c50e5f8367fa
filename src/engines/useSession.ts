import type { DatabaseAddress } from '../core/connections.ts';
import { RestorePointError } from '../core/errors.ts';
import type { ConnectOptions, Engine, Session } from './engine.ts';

/** Opens a session for a backup or a restore and closes it after that. Throws as `Engine.connect`. */
export async function useSession<Result>(
  engine: Engine,
  address: DatabaseAddress,
  options: ConnectOptions & { readonly unchanged?: string },
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  options.report?.({ phase: 'connect' });
  const session = await engine.connect(address, options).catch((error: unknown) => {
    const { unchanged = options.readOnly ? 'No backup file was written.' : 'Nothing was changed.' } = options;
    throw RestorePointError.is(error) ? error.with({ unchanged }) : error;
  });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
