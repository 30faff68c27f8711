/**
 * An SSH server in a thread of its own, so that it answers while the test's
 * event loop is held up. It lets everybody in, answers every command, gives
 * back what a shell, a subsystem and a forwarded connection are sent.
 */
import { generateKeyPairSync } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import ssh2 from 'ssh2';

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
});

const server = new ssh2.Server({ hostKeys: [privateKey] }, (client) => {
  client.on('authentication', (context) => context.accept());
  client.on('error', () => {});
  client.on('request', (_accept, reject) => reject?.());
  client.on('tcpip', (accept) => {
    const channel = accept();
    channel.pipe(channel);
  });
  client.on('session', (accept) => {
    const session = accept();
    session.on('pty', (acceptPty) => acceptPty());
    for (const kind of ['shell', 'subsystem']) {
      session.on(kind, (acceptKind) => {
        const channel = acceptKind();
        channel.on('data', (chunk) => channel.write(chunk));
        channel.on('end', () => {
          channel.exit(0);
          channel.end();
        });
      });
    }
    session.on('exec', (acceptExec, _reject, { command }) => {
      const channel = acceptExec();
      channel.write(`${command} done`);
      channel.exit(0);
      channel.end();
    });
  });
});

server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
