/**
 * The core of what the library does, as a plain program for any runtime: it
 * prints a line of JSON for each step, and ends by itself when nothing is left.
 *
 * Owns: the steps.
 * Must not know: which runtime it is, how the servers were started.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { connect, pinnedHostKey, SshError } from 'deadline-ssh';
import { generateKey, parsePrivateKey } from 'deadline-ssh/keys';
import { createServer, serveFolder } from 'deadline-ssh/server';

const { target, ciphers, megabytes } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const MiB = 1024 * 1024;
const data = randomBytes(megabytes * MiB);
const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex');

const options = (more = {}) => ({
  host: target.host,
  port: target.port,
  username: target.username,
  privateKey: target.keys.ed25519,
  verifyHostKey: pinnedHostKey(...target.fingerprints),
  ...more,
});

/** The error of a promise that has to fail. */
async function failure(promise) {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  assert.ok(error instanceof SshError, `an SshError is expected, not ${error}`);
  return error;
}

/** A TCP server that does something with each connection, for as long as `use` takes. */
async function withTcpServer(serve, use) {
  const sockets = new Set();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use(server.address().port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** A folder with `from/a` and `from/in/b`, for as long as `use` takes. */
async function withFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'deadline-ssh-runtimes-'));
  try {
    mkdirSync(join(folder, 'from/in'), { recursive: true });
    writeFileSync(join(folder, 'from/a'), 'a');
    writeFileSync(join(folder, 'from/in/b'), data.subarray(0, MiB));
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function echo(client, bytes) {
  const cat = await client.exec('cat');
  cat.stderr.resume();
  cat.stdin.end(bytes);
  const digest = createHash('sha256');
  let length = 0;
  for await (const chunk of cat.stdout) {
    digest.update(chunk);
    length += chunk.length;
  }
  assert.equal(length, bytes.length);
  assert.equal(digest.digest('hex'), hashOf(bytes));
  assert.equal((await cat.exit).code, 0);
}

async function echoOnce(more) {
  const client = await connect(options(more));
  try {
    await echo(client, data.subarray(0, MiB));
    return client.negotiated;
  } finally {
    await client.close();
  }
}

const steps = {
  'connects, runs, closes': async () => {
    const client = await connect(options());
    const { stdout, stderr, code } = await client.run('echo out; echo err >&2; exit 7');
    assert.deepEqual({ stdout, stderr, code }, { stdout: 'out\n', stderr: 'err\n', code: 7 });
    await client.close();
    assert.equal((await client.closed).code, 'ERR_SSH_CLOSED');
  },
  'keys of every type': async () => {
    for (const key of Object.values(target.keys)) {
      const client = await connect(options({ privateKey: key }));
      await client.close();
    }
  },
  'a key that is not let in': async () => {
    const stranger = generateKey('ed25519');
    const error = await failure(connect(options({ privateKey: stranger })));
    assert.equal(error.code, 'ERR_SSH_AUTHENTICATION_FAILED');
  },
  'a host key that is another': async () => {
    const other = pinnedHostKey(`SHA256:${'A'.repeat(43)}`);
    const error = await failure(connect(options({ verifyHostKey: other })));
    assert.equal(error.code, 'ERR_SSH_HOST_KEY_NOT_PINNED');
  },
  'an encrypted key': async () => {
    const client = await connect(options({ privateKey: target.encrypted, passphrase: target.passphrase }));
    await client.close();
    assert.throws(() => parsePrivateKey(target.encrypted, 'wrong'), SshError);
  },
  'every key exchange': async () => {
    for (const kex of target.kex) await echoOnce({ algorithms: { kex: [kex] } });
  },
  'every cipher': async () => {
    for (const cipher of ciphers) {
      const negotiated = await echoOnce({ algorithms: { cipher: [cipher] } });
      assert.equal(negotiated.cipher.clientToServer, cipher);
    }
  },
  'everything in TypeScript': async () => {
    for (const cipher of ciphers) await echoOnce({ crypto: 'noble', algorithms: { cipher: [cipher] } });
  },
  download: async () => {
    const client = await connect(options());
    const { stdout } = await client.run(`head -c ${data.length} ${target.file}`, { encoding: 'buffer' });
    assert.equal(hashOf(stdout), hashOf(readFileSync(target.file).subarray(0, data.length)));
    await client.close();
  },
  upload: async () => {
    const client = await connect(options());
    const { stdout } = await client.run('sha256sum', { input: data });
    assert.equal(stdout.slice(0, 64), hashOf(data));
    await client.close();
  },
  'folders there and back': () =>
    withFolder(async (folder) => {
      const client = await connect(options());
      await client.put(join(folder, 'from'), join(folder, 'over'), { recursive: true });
      await client.get(join(folder, 'over'), join(folder, 'back'), { recursive: true });
      assert.equal(hashOf(readFileSync(join(folder, 'back/in/b'))), hashOf(data.subarray(0, MiB)));
      assert.equal(readFileSync(join(folder, 'back/a'), 'utf8'), 'a');
      await client.close();
    }),
  'both ways at once': async () => {
    const client = await connect(options());
    await echo(client, data);
    await client.close();
  },
  'new keys in the midst of it': async () => {
    let exchanges = 0;
    const onDebug = (line) => {
      if (line.startsWith('keys exchanged')) exchanges++;
    };
    const client = await connect(options({ onDebug, rekey: { bytes: MiB } }));
    await Promise.all([echo(client, data), client.rekey()]);
    assert.ok(exchanges > 4, `${exchanges} key exchanges`);
    await client.close();
  },
  'commands side by side': async () => {
    const client = await connect(options());
    const codes = await Promise.all([1, 2, 3, 4, 5, 6].map((code) => client.run(`exit ${code}`)));
    assert.deepEqual(
      codes.map(({ code }) => code),
      [1, 2, 3, 4, 5, 6],
    );
    await client.close();
  },
  'a shell on a terminal': async () => {
    const client = await connect(options());
    const shell = await client.shell({ columns: 91, rows: 17 });
    shell.stderr.resume();
    shell.stdin.write('stty size; exit 5\n');
    let text = '';
    for await (const chunk of shell.stdout) text += chunk;
    assert.match(text, /17 91/);
    assert.equal((await shell.exit).code, 5);
    await client.close();
  },
  'a forwarded connection': () =>
    withTcpServer(
      (socket) => socket.pipe(socket),
      async (port) => {
        const client = await connect(options());
        const stream = await client.openTcp('127.0.0.1', port);
        stream.end(data.subarray(0, MiB));
        const digest = createHash('sha256');
        for await (const chunk of stream) digest.update(chunk);
        assert.equal(digest.digest('hex'), hashOf(data.subarray(0, MiB)));
        await client.close();
      },
    ),
  'through another connection': async () => {
    const first = await connect(options());
    const second = await connect(options({ via: first }));
    await echo(second, data.subarray(0, MiB));
    await second.close();
    await first.close();
  },
  'a server that says nothing': () =>
    withTcpServer(
      () => {},
      async (port) => {
        const error = await failure(connect(options({ port, timeouts: { identification: 300 } })));
        assert.equal(error.code, 'ERR_SSH_TIMEOUT');
        assert.equal(error.waitingFor, 'identification');
        assert.ok(error.elapsed >= 250 && error.elapsed < 10_000, `after ${error.elapsed} ms`);
      },
    ),
  'a port that nobody listens on': async () => {
    const port = await withTcpServer(
      () => {},
      async (used) => used,
    );
    const error = await failure(connect(options({ port })));
    assert.equal(error.phase, 'connect');
  },
  'a call that is aborted': async () => {
    const client = await connect(options());
    const controller = new AbortController();
    const running = client.run('sleep 60', { signal: controller.signal });
    controller.abort();
    assert.equal((await failure(running)).code, 'ERR_SSH_ABORTED');
    assert.equal((await failure(client.run('sleep 60', { timeout: 200 }))).code, 'ERR_SSH_TIMEOUT');
    assert.equal((await client.run('echo still here')).stdout, 'still here\n');
    await client.close();
  },
  'a connection that is lost': async () => {
    const client = await connect(options());
    const running = failure(client.run('sleep 60'));
    client.destroy();
    assert.equal((await running).code, 'ERR_SSH_CLOSED');
  },
  'a signal ends a command': async () => {
    const client = await connect(options());
    assert.equal((await client.run('kill -TERM $$')).signal, 'TERM');
    await client.close();
  },
  'a server of our own': async () => {
    const server = await createServer({
      hostKeys: generateKey('ed25519'),
      authentication: { password: (username, password) => username === 'ops' && password === 'right' },
      exec: async (remote, command) => {
        remote.stdout.write(`you said ${command}\n`);
        return 3;
      },
    });
    const { port } = await server.listen(0, '127.0.0.1');
    const client = await connect({
      host: '127.0.0.1',
      port,
      username: 'ops',
      password: 'right',
      verifyHostKey: () => true,
    });
    const { stdout, code } = await client.run('hello');
    assert.deepEqual({ stdout, code }, { stdout: 'you said hello\n', code: 3 });
    await client.close();
    await server.close();
  },
  'a folder that we serve': () =>
    withFolder(async (folder) => {
      const server = await createServer({
        hostKeys: generateKey('ed25519'),
        authentication: { none: () => true },
        sftp: serveFolder(folder, { quota: 64 * MiB }),
      });
      const { host, port } = await server.listen(0);
      const client = await connect({ host, port, username: 'ops', verifyHostKey: () => true });
      const sftp = await client.sftp();
      assert.deepEqual((await sftp.readdir('/from')).sort(), ['a', 'in']);
      await sftp.writeFile('/from/c', data.subarray(0, MiB));
      assert.equal(hashOf(readFileSync(join(folder, 'from/c'))), hashOf(data.subarray(0, MiB)));
      await client.close();
      await server.close();
    }),
};

for (const [step, run] of Object.entries(steps)) {
  const start = performance.now();
  let failed;
  try {
    await run();
  } catch (error) {
    failed = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (process.env.DEADLINE_SSH_TRACE === '1') console.error(error);
  }
  const milliseconds = Math.round(performance.now() - start);
  console.log(JSON.stringify({ step, failed, milliseconds }));
}
console.log(JSON.stringify({ done: true }));
