import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { type CliOptions, type CliRun, runCli, startCli } from './cli.ts';
import { runsAll } from './sample.ts';
import { argumentsOf, findSecrets, findSecretsInFiles } from './secretSearch.ts';
import { countingTried } from './triedCounts.ts';

const piece = (): string => `Kq${randomBytes(6).toString('hex')}Zx`;
/** A secret of signs that mean something in URLs, password files, JSON and SQL; each piece is found by itself too. */
export const makeSecret = (): string =>
  `${piece()}@${piece()}:${piece()}/${piece()}?${piece()}#%41&=+'"\\ö ${piece()}`;

function withPieces(secrets: Readonly<Record<string, string>>): Record<string, string> {
  const pieces = Object.entries(secrets).flatMap(([name, secret]) =>
    [...secret.matchAll(/Kq\w+Zx/g)].map(([text], index) => [`piece ${index + 1} of ${name}`, text]),
  );
  return { ...secrets, ...(Object.fromEntries(pieces) as Record<string, string>) };
}

/** One failing run: how it is started, how it has to end, and what is to be seen of why. */
export interface Case {
  readonly args: readonly string[];
  readonly code: number;
  readonly says: RegExp;
  readonly env?: Readonly<Record<string, string>>;
  /** The password stands in the arguments, where it can be seen until the program has begun. */
  readonly inArguments?: boolean;
  readonly onStderr?: CliOptions['onStderr'];
}

/** Runs the command line where all that it could write lies in one folder, and searches everything for the secrets. */
export class Watched {
  readonly home: string;
  readonly #secrets: Readonly<Record<string, string>>;
  /** Files of the test that hold secrets. */
  readonly #except: readonly string[];

  constructor(home: string, secrets: Readonly<Record<string, string>>, except: readonly string[]) {
    this.home = home;
    this.#secrets = withPieces(secrets);
    this.#except = except;
    for (const name of ['tmp', 'state', 'home', 'work'])
      mkdirSync(path.join(home, name), { recursive: true });
  }

  /** With a process of its own (`starts`) its arguments are searched too. */
  async fail(
    { args, code, says, env, inArguments, onStderr }: Case,
    { json, starts }: { readonly json: boolean; readonly starts: boolean },
  ): Promise<CliRun> {
    const found: string[] = [];
    let begun = false;
    let timer: NodeJS.Timeout | undefined;
    const look = (processId: number): void => {
      if (inArguments && !begun) return;
      for (const words of argumentsOf(processId))
        found.push(...findSecrets('the arguments', words, this.#secrets));
    };
    const all = [...args, '--verbose', ...(json ? ['--json'] : [])];
    const options = {
      cwd: path.join(this.home, 'work'),
      env: {
        TMPDIR: path.join(this.home, 'tmp'),
        XDG_STATE_HOME: path.join(this.home, 'state'),
        HOME: path.join(this.home, 'home'),
        ...env,
      },
      onStderr: (text: string, kill: (signal: NodeJS.Signals) => void): void => {
        begun = true;
        onStderr?.(text, kill);
      },
    };
    const onStart = (processId: number): void => void (timer = setInterval(() => look(processId), 20));
    const run = await (starts ? startCli(all, { ...options, onStart }) : runCli(all, options)).finally(() =>
      clearInterval(timer),
    );
    found.push(...findSecrets('stdout', run.stdout, this.#secrets));
    found.push(...findSecrets('stderr', run.stderr, this.#secrets));
    assert.deepEqual([...new Set(found)], [], `${args.join(' ')}\n${run.stderr}\n${run.stdout}`);
    assert.equal(run.code, code, run.stderr);
    assert.match(run.stderr, says);
    return run;
  }

  /** Searches everything that the runs have left. */
  search(atLeast: number): void {
    const { files, found } = findSecretsInFiles(this.home, this.#secrets, this.#except);
    assert.deepEqual(found, []);
    assert.ok(files >= atLeast, `only ${files} files were searched`);
  }

  findIn(where: string, text: string): void {
    assert.deepEqual(findSecrets(where, text, this.#secrets), []);
  }
}

/** Stops the run at the first sign that it waits for a table that is locked. */
export const stopWhenBackingUp = (text: string, kill: (signal: NodeJS.Signals) => void): void => {
  if (text.includes('Backing up')) setTimeout(() => kill('SIGINT'), 300);
};

export async function failAll(watched: Watched, what: string, cases: readonly Case[]): Promise<void> {
  await countingTried('failing runs searched for secrets', what, async (count) => {
    const waiting = [...cases.entries()];
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        count();
        const [index, one] = next;
        await watched.fail(one, { json: index % 2 === 1, starts: runsAll || index === 0 });
      }
    };
    // Those that run in this process take turns anyhow.
    await Promise.all(runsAll ? [lane(), lane()] : [lane()]);
  });
}
