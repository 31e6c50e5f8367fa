import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import * as path from 'node:path';
import { makePrivateFolder, removeFile } from '../core/ownFiles.ts';
import { isRunning } from '../core/processes.ts';

/** Times in milliseconds; tests shorten them. */
export interface LockTimes {
  /** The holder shows that it lives so often. */
  readonly heartbeat: number;
  /** A holder whose process is gone loses the lock when it has shown no life for so long. */
  readonly gone: number;
  /** Any other holder loses it when somebody has watched it for so long, and it has shown no life. */
  readonly silent: number;
}

const usualTimes: LockTimes = { heartbeat: 5_000, gone: 15_000, silent: 120_000 };

interface Holder {
  readonly number: number;
  readonly pid?: number;
  readonly host?: string;
  readonly released?: boolean;
  readonly heartbeat: number;
}

/**
 * A lock between processes that share a folder, also those of other machines and containers.
 *
 * Each holder has a file of its own, with a number above that of the holder before. Only one process can create a file
 * with a number, and the file with the highest number is removed only by the next holder, so nobody takes the lock of
 * somebody who holds it. A holder that crashed shows no life any more.
 */
export class RunLock {
  readonly #folder: string;
  readonly #name: string;
  readonly #times: LockTimes;
  /** The life that a holder showed, when it was looked at last, and for how long it has been watched. */
  #watched: { readonly life: string; readonly at: number; readonly for: number } | undefined;

  /** Neither the folder nor the lock need exist. */
  constructor(folder: string, name: string, times = usualTimes) {
    this.#folder = folder;
    this.#name = name;
    this.#times = times;
  }

  /** Resolves to a function that releases the lock; to undefined if another process has it. Throws errors of the file system. */
  async take(): Promise<(() => Promise<void>) | undefined> {
    await makePrivateFolder(this.#folder);
    const before = await this.#highest();
    if (before && this.#isHeld(before)) return undefined;
    const number = (before?.number ?? 0) + 1;
    const file = this.#fileOf(number);
    const mine = { pid: process.pid, host: hostname(), token: randomBytes(8).toString('hex') };
    try {
      await writeFile(file, JSON.stringify(mine), { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
      throw error;
    }
    const numbers = await this.#numbers();
    if (Math.max(...numbers) > number) {
      await removeFile(file);
      return undefined;
    }
    for (const old of numbers) if (old < number) await removeFile(this.#fileOf(old));
    const timer = setInterval(() => void showLife(file), this.#times.heartbeat);
    timer.unref();
    return async () => {
      clearInterval(timer);
      // It stays until the next one is there. Someone who took the lock from a holder that slept may have removed it.
      await writeFile(file, JSON.stringify({ released: true }), { flag: 'r+' }).catch(() => undefined);
    };
  }

  #isHeld({ number, pid, host, released, heartbeat }: Holder): boolean {
    if (released) return false;
    const isGone = host === hostname() && pid !== undefined && !isRunning(pid);
    if (isGone && Date.now() - heartbeat >= this.#times.gone) return false;
    const life = `${number} ${heartbeat}`;
    const at = performance.now();
    const before = this.#watched?.life === life ? this.#watched : { at, for: 0 };
    // The computer may have slept between two looks, and the holder with it.
    const added = Math.min(at - before.at, this.#times.silent / 4);
    this.#watched = { life, at, for: before.for + added };
    return this.#watched.for < this.#times.silent;
  }

  async #highest(): Promise<Holder | undefined> {
    const numbers = await this.#numbers();
    if (numbers.length === 0) return undefined;
    const number = Math.max(...numbers);
    const file = this.#fileOf(number);
    try {
      const { mtimeMs } = await stat(file);
      return { ...holderOf(await readFile(file, 'utf8')), number, heartbeat: mtimeMs };
    } catch (error) {
      // A newer holder has removed it.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { number: number + 1, heartbeat: 0 };
      throw error;
    }
  }

  async #numbers(): Promise<number[]> {
    const start = `${this.#name}.lock.`;
    return (await readdir(this.#folder))
      .filter((name) => name.startsWith(start) && /^\d+$/.test(name.slice(start.length)))
      .map((name) => Number(name.slice(start.length)));
  }

  #fileOf(number: number): string {
    return path.join(this.#folder, `${this.#name}.lock.${number}`);
  }
}

/** A file that was just created may be empty: its holder is unknown, and is watched. */
function holderOf(text: string): Partial<Holder> {
  try {
    // Written over a longer text, the new one ends where its object ends.
    return JSON.parse(text.slice(0, text.indexOf('}') + 1)) as Partial<Holder>;
  } catch {
    return {};
  }
}

async function showLife(file: string): Promise<void> {
  const now = new Date();
  // Nobody needs to be told: without a sign of life the lock goes to another process.
  await utimes(file, now, now).catch(() => undefined);
}
