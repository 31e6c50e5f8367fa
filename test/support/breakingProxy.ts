import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** Stands between a client and a server, and breaks a connection off when the client says something. */
export interface BreakingProxy {
  readonly port: number;
  /** How many connections it broke. */
  broken(): number;
  close(): Promise<void>;
}

/**
 * Passes bytes on until a client sends `trigger`. Then the client's connection is broken off: with `deliver`, the server
 * gets to hear the trigger first, and its answer is not passed on.
 */
export async function startBreakingProxy(
  serverPort: number,
  trigger: string,
  deliver: boolean,
): Promise<BreakingProxy> {
  let broken = 0;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = new (client.constructor as typeof Socket)().connect(serverPort, '127.0.0.1');
    for (const socket of [client, server]) {
      sockets.add(socket);
      // Breaking connections off is what this is for.
      socket.on('error', () => undefined);
    }
    server.on('data', (bytes) => client.write(bytes));
    client.on('close', () => server.end());
    server.on('close', () => client.destroy());
    client.on('data', (bytes: Buffer) => {
      if (!bytes.includes(trigger)) {
        server.write(bytes);
        return;
      }
      broken += 1;
      server.removeAllListeners('data').resume();
      if (deliver) server.end(bytes);
      else server.destroy();
      client.destroy();
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    broken: () => broken,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
