import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { clientTurnEnds, serverTurnEnds } from './wireMessages.ts';

/** Of the settings that a database or a role can have, those that pg_dump's text goes by. */
export const pgDumpSettings = '-c quote_all_identifiers=off -c standard_conforming_strings=on';

/** What the thread that runs pg_dump is given. */
export interface PgDumpWork {
  readonly module: string;
  readonly args: readonly string[];
  readonly port: MessagePort;
  /** Four bytes: it waits until they are not 0. */
  readonly signal: SharedArrayBuffer;
}

/**
 * The output of pg_dump 18 for a database of any server from 9.2 to 18, on every platform.
 *
 * It is PostgreSQL's own program, compiled to WebAssembly: npm's @electric-sql/pglite-tools has it for another purpose
 * and without a network. It runs in a thread of its own, which waits while this one speaks to the server for it.
 * `args` are those of pg_dump except connection, output file and format (plain text; rows come as INSERT statements).
 * Throws an Error with pg_dump's own words if it fails.
 */
export async function pgDump18(url: string, args: readonly string[]): Promise<string> {
  try {
    return await runPgDump(url, args);
  } catch (error) {
    // Seen once in some thousand runs, for no reason that was found: it is said, and the dump is taken again.
    if (!/closed the connection unexpectedly/.test(String(error))) throw error;
    console.log(`      pg_dump lost its connection and is run again: ${String(error)}`);
    await sleep(3000);
    return await runPgDump(url, args);
  }
}

async function runPgDump(url: string, args: readonly string[]): Promise<string> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  const broken = new Promise<never>((_, reject) => socket.once('error', reject));
  const { port1, port2 } = new MessageChannel();
  const signal = new SharedArrayBuffer(4);
  carryMessages(socket, port1, signal);
  const connection = Object.entries({
    host: '127.0.0.1',
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    dbname: decodeURIComponent(pathname.slice(1)),
    sslmode: 'disable',
    options: pgDumpSettings,
  }).map(([key, value]) => `${key}='${value.replaceAll(/['\\]/g, '\\$&')}'`);
  const workerData: PgDumpWork = {
    module: findModule(),
    args: [...args, '--dbname', connection.join(' ')],
    port: port2,
    signal,
  };
  const worker = new Worker(new URL('./pgDumpWorker.ts', import.meta.url), {
    workerData,
    transferList: [port2],
    stdout: false,
  });
  try {
    const output = new Promise<string>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    return await Promise.race([output, broken]);
  } finally {
    await worker.terminate();
    socket.destroy();
    port1.close();
  }
}

/** Sends what the thread writes to the server, and lets it go on when the server has said all it had to say. */
function carryMessages(socket: Socket, port: MessagePort, signal: SharedArrayBuffer): void {
  const answerEnds = serverTurnEnds();
  const questionEnds = clientTurnEnds();
  let answer: Buffer[] = [];
  const goOn = (): void => {
    port.postMessage(Buffer.concat(answer));
    answer = [];
    const flag = new Int32Array(signal);
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
  };
  socket.on('data', (bytes: Buffer) => {
    answer.push(bytes);
    if (answerEnds(bytes)) goOn();
  });
  socket.once('close', goOn);
  port.on('message', (bytes: Uint8Array) => {
    const question = Buffer.from(bytes);
    socket.write(question);
    if (!questionEnds(question)) goOn();
  });
}

function findModule(): string {
  const name = '@electric-sql/pglite-tools/pg_dump';
  try {
    // What `require` gets is the same code, and has the same type, as what `import` gets.
    return pathToFileURL(createRequire(import.meta.url).resolve(name)).href;
  } catch (cause) {
    throw new Error('npm has not installed @electric-sql/pglite-tools, which holds pg_dump 18. Run npm ci.', {
      cause,
    });
  }
}
