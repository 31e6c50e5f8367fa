import { messageOf, RestorePointError } from '../../../core/errors.ts';
import type { ResolvedAddress } from './address.ts';
import { isServerError } from './errors.ts';

interface Words {
  readonly message: string;
  readonly next?: string;
  readonly needs?: 'password';
  readonly mayPass?: boolean;
}

/** Why a connection could not be opened, in words, with what to do. Never says a password. */
export function describeConnectError(error: unknown, address: ResolvedAddress): RestorePointError {
  if (RestorePointError.is(error)) return error;
  const words: Words | undefined = isServerError(error)
    ? serverWords(error.code, error.message, address)
    : (networkWords(error, address) ?? driverWords(messageOf(error), address) ?? tlsWords(error, address));
  const { message, ...details } = words ?? {
    message: `${place(address)} cannot be reached: ${messageOf(error)}`,
  };
  return new RestorePointError('connection', message, { ...details, cause: error });
}

function place(address: ResolvedAddress): string {
  return `${address.host}:${address.port}`;
}

function serverWords(code: string, message: string, address: ResolvedAddress): Words {
  const known: Readonly<Record<string, Words>> = {
    '28P01': {
      message: `The password for ${address.user} is wrong, or the user does not exist`,
      next: 'Check the user and the password.',
    },
    '28000': {
      message: `The server rejected ${address.user}: ${message}`,
      next: /pg_hba/.test(message)
        ? 'Its pg_hba.conf must allow this user, database and address, or you need another sslmode.'
        : 'Check the user.',
    },
    '3D000': {
      message: `The database ${address.database} does not exist on ${place(address)}`,
      next: 'Check the name of the database; names are case-sensitive.',
    },
    '42501': {
      message: `${address.user} may not connect to the database ${address.database}`,
      next: 'Ask its owner to grant you CONNECT on it.',
    },
    '53300': {
      message: `${place(address)} has too many connections: ${message}`,
      next: 'Close another connection, or try again later.',
      mayPass: true,
    },
    '57P03': {
      message: `${place(address)} does not accept connections now: ${message}`,
      next: 'Try again in a moment.',
      mayPass: true,
    },
  };
  return known[code] ?? { message: `${place(address)} refused the connection: ${message}` };
}

function networkWords(error: unknown, address: ResolvedAddress): Words | undefined {
  const { code } = error as NodeJS.ErrnoException;
  const timedOut: Words = {
    message: `${place(address)} did not answer in time`,
    next: 'Check the host and the port, and whether a firewall blocks the connection.',
    mayPass: true,
  };
  const unknownHost: Words = {
    message: `The host ${address.host} does not exist`,
    next: 'Check the spelling of the host, and whether this machine is on the right network.',
    mayPass: true,
  };
  const known: Readonly<Record<string, Words>> = {
    ENOTFOUND: unknownHost,
    EAI_AGAIN: { ...unknownHost, message: `The name ${address.host} could not be looked up` },
    ECONNREFUSED: {
      message: `Nothing is listening at ${place(address)}: the connection was refused`,
      next: 'Check the host and the port, and that the server is running there.',
      mayPass: true,
    },
    ECONNRESET: {
      message: `${place(address)} closed the connection`,
      next: 'Check that it is a PostgreSQL server, and that it accepts connections from this machine.',
    },
    ENOENT: {
      message: `There is no PostgreSQL socket in ${address.host} for port ${address.port}`,
      next: 'Check the folder and the port, and that the server is running.',
      mayPass: true,
    },
    EACCES: {
      message: `No permission to open the socket in ${address.host}`,
      next: 'Check its permissions.',
    },
    ETIMEDOUT: timedOut,
    EHOSTUNREACH: { ...timedOut, message: `${address.host} cannot be reached from this machine` },
    ENETUNREACH: { ...timedOut, message: `${address.host} cannot be reached from this machine` },
  };
  return code === undefined ? undefined : known[code];
}

function driverWords(message: string, address: ResolvedAddress): Words | undefined {
  if (/timeout expired|Timeout acquiring/i.test(message)) {
    return networkWords({ code: 'ETIMEDOUT' }, address);
  }
  if (/password must be a (non-empty )?string/.test(message)) {
    return {
      message: `The server requires a password for ${address.user}`,
      next: 'Give one.',
      needs: 'password',
    };
  }
  if (/does not support SSL/.test(message)) {
    return {
      message: `${place(address)} does not support TLS, but sslmode ${address.ssl} requires it`,
      next: 'Turn on TLS on the server, or set ssl to "disable" if you trust the network.',
    };
  }
  if (
    /received invalid response|error establishing an SSL connection|terminated unexpectedly/.test(message)
  ) {
    return {
      message: `The server at ${place(address)} is not PostgreSQL, or it closed the connection`,
      next: 'Check the port.',
    };
  }
  return undefined;
}

function tlsWords(error: unknown, address: ResolvedAddress): Words | undefined {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      message: `The certificate of ${place(address)} is for another name: ${messageOf(error)}`,
      next: 'Use the host name in the certificate, or set ssl to "verify-ca" if you know that server.',
    };
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return {
      message: `The certificate of ${place(address)} is not valid now: ${messageOf(error)}`,
      next: 'The server needs a new certificate.',
    };
  }
  if (/^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|EPROTO)/.test(code)) {
    return {
      message: `The certificate of ${place(address)} is not trusted: ${messageOf(error)}`,
      next:
        'Set sslRootCert to a file with its certificate authority, or set ssl to "require" to encrypt ' +
        'without verifying the server.',
    };
  }
  return undefined;
}
