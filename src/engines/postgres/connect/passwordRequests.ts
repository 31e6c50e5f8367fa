import type { EventEmitter } from 'node:events';
import pg from 'pg';
import { RestorePointError } from '../../../core/errors.ts';

/** Requests for a password whose answer lets anyone who reads it log in as the user. */
const openRequests = ['authenticationCleartextPassword', 'authenticationMD5Password'];

/** A driver's connection over an unverified network: it answers no server that asks for the password in such a way. */
export class CarefulClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    const { connection } = this as unknown as { readonly connection: EventEmitter };
    for (const request of openRequests) {
      // Before the driver's own listener, which asks this function for the password.
      connection.on(request, () => {
        Object.assign(this, { password: () => Promise.reject(refusal(this.host)) });
      });
    }
  }
}

function refusal(host: string): RestorePointError {
  return new RestorePointError(
    'connection',
    `${host} asks for the password itself (or its MD5 hash), and nothing proves that this is really ${host}: the workspace ` +
      'settings turn off TLS or its verification',
    {
      unchanged: 'The password was not sent.',
      next:
        'Set "ssl" to "verify-full". If you trust the network, say so outside the workspace: in the environment variable ' +
        'PGSSLMODE, in a connection in your user settings, or in a URL on the command line.',
    },
  );
}
