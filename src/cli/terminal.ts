import type { WorkOptions } from '../engines/engine.ts';

/** The streams that a command reads and writes, like those of a process. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
}

/** The surroundings of a command. `workFactor`: see `Lock`. */
export type Work = WorkOptions & { readonly terminal: Terminal; readonly workFactor?: number | undefined };
