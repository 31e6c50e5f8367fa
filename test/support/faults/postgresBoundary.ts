import type { Socket } from 'node:net';
import pg from 'pg';
import { activeFaults } from './faultSet.ts';

type Done = (error?: Error | null) => void;
type Write = (data: Uint8Array, ...rest: unknown[]) => boolean;

const copyData = 'd';
/** Messages that are steps: a query, a statement to parse, rows, their end, giving them up, the farewell. */
const steps = 'QPdcfX';

/** Counts what the product says to a server, on all connections that it opens while faults are at work. */
export function watchPostgres(): () => void {
  const prototype = pg.Connection.prototype as unknown as { connect: (...args: unknown[]) => unknown };
  const { connect } = prototype;
  prototype.connect = function (this: { stream: Socket }, ...args: unknown[]): unknown {
    const result = connect.apply(this, args);
    // Not before: a socket that connects takes its own `write` back.
    if (activeFaults()) watchSocket(this.stream);
    return result;
  };
  return () => {
    prototype.connect = connect;
  };
}

function watchSocket(socket: Socket): void {
  const write: Write = socket.write.bind(socket) as Write;
  const pass: Write = (data, ...rest) => {
    if (socket.writable) return write(data, ...rest);
    const done = rest.at(-1);
    if (typeof done === 'function') (done as Done)(new Error('The connection is gone'));
    return false;
  };
  // The bytes of rows come apart from the header of their message.
  let rowsFollow = false;
  let waiting: Promise<unknown> | undefined;
  socket.write = (data: Uint8Array, ...rest: unknown[]): boolean => {
    const message = rowsFollow ? undefined : String.fromCharCode(data[0] ?? 0);
    rowsFollow = message === copyData && data.length === 5;
    const known = message !== undefined && steps.includes(message);
    const verdict = known ? activeFaults()?.step(`postgres ${describe(message, data)}`) : false;
    if (verdict instanceof Promise) waiting = verdict;
    const send = (): boolean =>
      verdict === true ? fail(socket, pass, message!, data, rest) : pass(data, ...rest);
    if (!waiting) return send();
    const mine: Promise<unknown> = waiting.then(send).then(() => {
      if (waiting === mine) waiting = undefined;
    });
    waiting = mine;
    return true;
  };
}

function describe(message: string, data: Uint8Array): string {
  if (message !== 'Q' && message !== 'P')
    return { d: 'rows', c: 'end of rows', f: 'giving up rows' }[message] ?? 'end';
  const text = Buffer.from(data).toString('utf8', 5).replaceAll('\0', '');
  return text.replace(/\s+/g, ' ').replace(/\d+/g, '0').trim().slice(0, 60);
}

/** Says something in the message's place that the server answers with an error; where it has none, hangs up. */
function fail(socket: Socket, pass: Write, message: string, data: Uint8Array, rest: unknown[]): boolean {
  if (message === 'Q') return pass(build('Q', `DO $$ BEGIN RAISE 'a fault'; END $$\0`), ...rest);
  if (message === 'P') return pass(build('P', '\0a fault\0\0\0'), ...rest);
  if (message === 'c') return pass(build('f', 'a fault\0'), ...rest);
  if (message === 'd') {
    // What comes after it the server leaves unread.
    pass(build('f', 'a fault\0'));
    return pass(data, ...rest);
  }
  socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
  return false;
}

function build(type: string, text: string): Buffer {
  const body = Buffer.from(text, 'utf8');
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
