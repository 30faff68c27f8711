/**
 * An SSH server in a thread of its own, so that it answers while the test's
 * event loop is held up. It lets everybody in and answers every command.
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
  client.on('session', (accept) => {
    accept().on('exec', (acceptExec, _reject, { command }) => {
      const channel = acceptExec();
      channel.write(`${command} done`);
      channel.exit(0);
      channel.end();
    });
  });
});

server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
