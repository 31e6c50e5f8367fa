/** The thread of pgDump18.ts: runs pg_dump, whose reads and writes wait for the other thread. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { PgDumpWork } from './pgDump18.ts';

/** What the package asks of the database that it thinks it talks to. */
interface Database {
  query(sql: string): Promise<{ rows: { search_path: string }[] }>;
  exec(sql: string): Promise<void>;
  execProtocolRawStream(
    bytes: Uint8Array,
    options: { readonly onRawData: (bytes: Uint8Array) => void },
  ): void;
}

interface PgDumpModule {
  readonly pgDump: (options: { pg: Database; args: readonly string[] }) => Promise<File>;
}

const { module, args, port, signal } = workerData as PgDumpWork;
const flag = new Int32Array(signal);

const database: Database = {
  query: () => Promise.resolve({ rows: [{ search_path: '' }] }),
  exec: () => Promise.resolve(),
  execProtocolRawStream(bytes, { onRawData }) {
    Atomics.store(flag, 0, 0);
    // A copy: the memory that it lies in is the program's.
    port.postMessage(Uint8Array.from(bytes));
    Atomics.wait(flag, 0, 0);
    const answer: unknown = receiveMessageOnPort(port)?.message;
    if (answer instanceof Uint8Array && answer.length > 0) onRawData(answer);
  },
};

const { pgDump } = (await import(module)) as PgDumpModule;
const file = await pgDump({ pg: database, args });
parentPort?.postMessage(await file.text());
