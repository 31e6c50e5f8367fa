import type { DatabaseAddress } from '../core/connections.ts';
import type { ConnectOptions, Engine, Session } from './engine.ts';

/** Opens a session for one piece of work and closes it after that. Throws as `Engine.connect`. */
export async function useSession<Result>(
  engine: Engine,
  address: DatabaseAddress,
  options: ConnectOptions,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  options.report?.({ phase: 'connect' });
  const session = await engine.connect(address, options);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
