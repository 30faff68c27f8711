/**
 * The laboratory's server on ssh2: see README.md for what it answers.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import ssh2 from 'ssh2';
import { serveFiles } from './ssh2_files.mjs';

const env = process.env;
const pattern = readFileSync(env.LAB_PATTERN);
const rekeyBytes = Number(env.LAB_REKEY_BYTES);
const authorized = readFileSync(env.LAB_AUTHORIZED_KEYS, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => ssh2.utils.parseKey(line));

const server = new ssh2.Server(
  { hostKeys: env.LAB_HOST_KEYS.split(':').map((path) => readFileSync(path)) },
  (client) => {
    client.on('authentication', (context) => authenticate(context));
    client.on('error', (error) => console.error(error.message));
    client.on('request', (_accept, reject) => reject?.());
    client.on('session', (accept) => session(client, accept()));
  },
);

function authenticate(context) {
  const decide = (good) =>
    good ? context.accept() : context.reject(['publickey', 'password', 'keyboard-interactive']);
  const right = (text) => text === env.LAB_PASSWORD && context.username === env.LAB_USER;
  switch (context.method) {
    case 'password':
      return decide(right(context.password));
    case 'keyboard-interactive':
      return context.prompt([{ prompt: 'Password: ', echo: false }], 'challenge', 'say it', ([answer]) =>
        decide(right(answer)),
      );
    case 'publickey': {
      const key = authorized.find((known) => same(known.getPublicSSH(), context.key.data));
      if (key === undefined || context.username !== env.LAB_USER) return decide(false);
      if (context.signature === undefined) return context.accept();
      return decide(key.verify(context.blob, context.signature, context.hashAlgo) === true);
    }
    default:
      return decide(false);
  }
}

function same(a, b) {
  return a.length === b.length && timingSafeEqual(a, b);
}

function session(client, session) {
  const state = { rows: 0, columns: 0, channel: undefined };
  const resized = (accept, _reject, { rows, cols }) => {
    Object.assign(state, { rows, columns: cols });
    accept?.();
    if (state.channel !== undefined) showSize(state);
  };
  session.on('pty', resized);
  session.on('window-change', resized);
  session.on('exec', (accept, _reject, { command }) => answer(client, accept(), command, state));
  session.on('sftp', (accept) => serveFiles(accept()));
  session.on('subsystem', (accept, reject, { name }) => {
    if (name === 'echo') answer(client, accept(), name, state);
    else reject?.();
  });
}

function answer(client, channel, command, state) {
  const [verb, argument] = command.split(' ');
  const finish = (status) => {
    channel.exit(status);
    channel.end();
  };
  channel.on('error', () => {});
  switch (verb) {
    case 'status':
      channel.write('out\n');
      channel.stderr.write('err\n');
      return finish(Number(argument));
    case 'send':
      return send(client, channel, Number(argument), finish);
    case 'hash': {
      const digest = createHash('sha256');
      channel.on('data', (chunk) => digest.update(chunk));
      return channel.on('end', () => {
        channel.write(`${digest.digest('hex')}\n`);
        finish(0);
      });
    }
    case 'echo':
      channel.on('end', () => finish(0));
      return channel.pipe(channel, { end: false });
    case 'size':
      state.channel = channel;
      channel.on('end', () => finish(0)).resume();
      return showSize(state);
    case 'signal':
      channel.exit('TERM', false, '');
      return channel.end();
    default:
      channel.stderr.write('no such command\n');
      return finish(127);
  }
}

function showSize({ channel, rows, columns }) {
  channel.write(`${rows} ${columns}\r\n`);
}

/** ssh2 exchanges keys again only when asked; a byte count asks here. */
function send(client, channel, count, finish) {
  let left = count;
  let at = 0;
  let sinceRekey = 0;
  let open = true;
  channel.on('close', () => {
    open = false;
  });
  const more = () => {
    while (open && left > 0) {
      const piece = pattern.subarray(at, at + Math.min(left, 32_768));
      left -= piece.length;
      sinceRekey += piece.length;
      at = (at + piece.length) % pattern.length;
      const room = channel.write(piece);
      if (rekeyBytes > 0 && sinceRekey > rekeyBytes) {
        sinceRekey = 0;
        client.rekey(more);
        return;
      }
      if (!room) {
        channel.once('drain', more);
        return;
      }
    }
    if (open) finish(0);
  };
  more();
}

server.listen(Number(env.LAB_PORT), '127.0.0.1');
