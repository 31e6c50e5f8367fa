import { type AddressInfo, createServer, Socket } from 'node:net';

/** Stands between a client and a server, and can go silent, as a network does that is gone: nothing is closed. */
export interface SilentProxy {
  readonly port: number;
  /** From now on no byte passes any more, and whoever connects hears nothing. */
  silence(): void;
  /** Closes what is open on both sides. */
  close(): Promise<void>;
}

export async function startSilentProxy(serverPort: number): Promise<SilentProxy> {
  let silent = false;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = new Socket();
    for (const socket of [client, server]) {
      sockets.add(socket);
      // Connections end here in any way.
      socket.on('error', () => undefined);
    }
    const pass = (to: Socket) => (bytes: Buffer) => {
      if (!silent) to.write(bytes);
    };
    const end = (of: Socket) => () => {
      if (!silent) of.destroy();
    };
    client.on('data', pass(server)).on('close', end(server));
    server.on('data', pass(client)).on('close', end(client));
    if (!silent) server.connect(serverPort, '127.0.0.1');
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    silence: () => void (silent = true),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
