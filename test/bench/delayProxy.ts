import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface DelayProxy {
  /** The address of the same server behind the proxy. */
  urlOf(url: string): string;
  close(): Promise<void>;
}

/** Passes bytes on to a PostgreSQL server and back, each way later by this much: a server that is some way off. */
export async function startDelayProxy(url: string, milliseconds: number): Promise<DelayProxy> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from);
    // Timers of one length fire in the order in which they were set.
    from.on('data', (bytes) => setTimeout(() => to.write(bytes), milliseconds));
    from.on('close', () => setTimeout(() => to.destroy(), milliseconds));
    from.on('error', () => to.destroy());
  };
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname);
    for (const socket of [client, server]) socket.setNoDelay(true);
    pass(client, server);
    pass(server, client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port: own } = proxy.address() as AddressInfo;
  return {
    urlOf: (address) => {
      const behind = new URL(address);
      behind.hostname = '127.0.0.1';
      behind.port = String(own);
      return behind.href;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
