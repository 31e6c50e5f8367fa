import type { WorkOptions } from '../engines/engine.ts';

/** Where a command reads and writes. Its parts are those of a process. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
}

/** What every command gets. `workFactor`: see `Lock`. */
export type Work = WorkOptions & { readonly terminal: Terminal; readonly workFactor?: number | undefined };
