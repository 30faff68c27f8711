/**
 * The machines of the pictures, on loopback addresses of this one.
 *
 * Owns: what they are, how they answer or do not, the user who may log in.
 * Must not know: who looks at them.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createListener } from 'node:net';
import { join } from 'node:path';
import { fingerprint, formatPrivateKey, formatPublicKey, generateKey } from '../../dist/entry/keys.js';
import { createServer, serveFolder } from '../../dist/entry/server.js';

/** Bytes of a server that get through before a handshake goes silent. */
const partOfTheKeyExchange = 400;

/**
 * A fleet on one port: addresses 127.0.3.1 and following.
 *
 * @param counts how many answer, never speak, fall silent in the key exchange, hang up
 */
export async function startFleet(folder, { good, silent, stuck, dropped }) {
  const home = join(folder, 'home');
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  const files = join(folder, 'served');
  mkdirSync(join(files, 'srv'), { recursive: true });
  const userKey = generateKey('ed25519');
  const hostKey = generateKey('ed25519');
  writeFileSync(join(home, '.ssh', 'id_ed25519'), formatPrivateKey(userKey), { mode: 0o600 });
  const server = await createServer({
    hostKeys: hostKey,
    authentication: { publicKey: (_username, key) => key.fingerprint === fingerprint(userKey.publicKey) },
    exec: (process, command) =>
      new Promise((resolve) => {
        execFile('sh', ['-c', command], (error, stdout, stderr) => {
          process.stdout.write(stdout);
          process.stderr.write(stderr);
          resolve(error === null ? 0 : Number(error.code ?? 1));
        });
      }),
    sftp: serveFolder(files),
  });
  const manners = [
    ...Array.from({ length: good }, (_, index) => ({
      answers: true,
      // Machines are not all equally near.
      accept: (socket) => setTimeout(() => server.accept(socket), 60 * (index % 25)),
    })),
    ...Array.from({ length: silent }, () => ({ accept: () => {} })),
    ...Array.from({ length: stuck }, () => ({ accept: (socket) => server.accept(cut(socket, false)) })),
    ...Array.from({ length: dropped }, () => ({ accept: (socket) => server.accept(cut(socket, true)) })),
  ];
  const sockets = new Set();
  const listeners = [];
  let port = 0;
  const hosts = [];
  const answering = [];
  // The manners are spread over the addresses, as they are in life.
  for (const [index, manner] of spread(manners).entries()) {
    const host = `127.0.3.${index + 1}`;
    const listener = createListener({ noDelay: true, allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => sockets.delete(socket));
      manner.accept(socket);
    });
    await new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, host, resolve);
    });
    port = listener.address().port;
    listeners.push(listener);
    hosts.push(host);
    if (manner.answers) answering.push(host);
  }
  writeFileSync(
    join(home, '.ssh', 'known_hosts'),
    hosts.map((host) => `[${host}]:${port} ${formatPublicKey(hostKey.publicKey).trim()}\n`).join(''),
  );
  return {
    home,
    hosts,
    /** Those of them that answer. */
    answering,
    port,
    userKey,
    hostKey,
    async close() {
      await server.close();
      for (const socket of sockets) socket.destroy();
      await Promise.all(listeners.map((listener) => new Promise((resolve) => listener.close(resolve))));
    },
  };
}

/** A stream on which the server's first bytes come through, and then no more. */
function cut(socket, hangsUp) {
  let left = partOfTheKeyExchange;
  const { write } = socket;
  socket.write = (chunk, ...rest) => {
    const part = chunk.subarray(0, left);
    left -= part.length;
    if (left === 0 && hangsUp) setImmediate(() => socket.destroy());
    return write.call(socket, part, ...rest);
  };
  return socket;
}

/** The same things in an order that mixes them, always the same one. */
function spread(things) {
  return things
    .map((thing, index) => ({ thing, place: (index * 0.618_034) % 1 }))
    .sort((a, b) => a.place - b.place)
    .map(({ thing }) => thing);
}
