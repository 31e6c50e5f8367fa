import type { EngineId } from './manifest.ts';

/** How TLS is used, in libpq's words: `require` encrypts without checking who answers, `verify-full` checks. */
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export const sslModes: readonly SslMode[] = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'];

/**
 * The address of a database. It never contains a password, which is passed separately, in `ConnectOptions`.
 * An engine uses some of it: see `ConnectionForm`.
 */
export interface DatabaseAddress {
  readonly engine: EngineId;
  readonly file?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly user?: string;
  /** Left out: `disable` for this machine and sockets, `verify-full` for any other host. */
  readonly ssl?: SslMode;
  /** A file with the certificates of the authorities to trust, in PEM. */
  readonly sslRootCert?: string;
  /**
   * The settings of a workspace name it, which may come from somebody else: what they say in `ssl` does not let a password
   * out over a network that others can listen to.
   */
  readonly ofWorkspace?: boolean;
}
