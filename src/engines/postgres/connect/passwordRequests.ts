import type { EventEmitter } from 'node:events';
import pg from 'pg';
import { RestorePointError } from '../../../core/errors.ts';

/** How a server asks for a password that whoever reads the answer has, or can use in the user's place. */
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
    `${host} asks for the password itself (or its MD5 hash), and nothing proves that it is ${host} that asks: the settings of ` +
      'the workspace switch TLS or its verification off',
    {
      unchanged: 'The password was not sent.',
      next:
        'Set "ssl" to "verify-full". If the network between is yours, say so in your own words: the environment variable ' +
        'PGSSLMODE, the connection in your user settings, or its URL on the command line.',
    },
  );
}
