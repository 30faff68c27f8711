/** Files on a server, by ssh2: `ssh2_client.mjs PORT KEY FOLDER PATH_OF_SSH2`. */
import { ok } from 'node:assert/strict';
import { createReadStream, createWriteStream, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const [port, key, folder, path] = process.argv.slice(2);
const { Client } = createRequire(import.meta.url)(path);
const local = (name) => join(folder, name);

const client = new Client();
await new Promise((resolve, reject) => {
  client.on('ready', resolve).on('error', reject);
  client.connect({ host: '127.0.0.1', port: Number(port), username: 'ops', privateKey: readFileSync(key) });
});
const raw = await promisify(client.sftp.bind(client))();
const sftp = new Proxy(raw, {
  get: (target, name) => promisify(Reflect.get(target, name).bind(target)),
});

await sftp.mkdir('/work');
await sftp.fastPut(local('big'), '/work/big');
await sftp.fastGet('/work/big', local('back'));
await sftp.rename('/work/big', '/work/renamed');
ok((await sftp.readdir('/work')).some(({ filename }) => filename === 'renamed'));
await pipeline(createReadStream(local('head')), raw.createWriteStream('/work/half'));
const { size } = await sftp.stat('/work/half');
await pipeline(
  createReadStream(local('big'), { start: size }),
  raw.createWriteStream('/work/half', { flags: 'r+', start: size }),
);
const there = statSync(local('part')).size;
await pipeline(
  raw.createReadStream('/work/renamed', { start: there }),
  createWriteStream(local('part'), { flags: 'r+', start: there }),
);
async function send(here, at) {
  await sftp.mkdir(at);
  for (const entry of readdirSync(here, { withFileTypes: true })) {
    const [from, to] = [join(here, entry.name), `${at}/${entry.name}`];
    if (entry.isDirectory()) await send(from, to);
    else await sftp.fastPut(from, to);
  }
}
async function bring(at, here) {
  mkdirSync(here);
  for (const { filename, attrs } of await sftp.readdir(at)) {
    const [from, to] = [`${at}/${filename}`, join(here, filename)];
    if (attrs.isDirectory()) await bring(from, to);
    // Its fastGet fails for an empty file; its stream does not.
    else await pipeline(raw.createReadStream(from), createWriteStream(to));
  }
}
await send(local('tree'), '/tree');
await bring('/tree', local('treeBack'));
await sftp.chmod('/work/half', 0o600);
await sftp.symlink('renamed', '/work/link');
ok((await sftp.readlink('/work/link')) === 'renamed');
ok((await sftp.realpath('/work/../work/link')) === '/work/renamed');
await sftp.unlink('/work/link');
await sftp.utimes('/work/half', 1000, 2000);
ok((await sftp.lstat('/work/half')).mtime === 2000);
await sftp.appendFile('/work/gone', 'a');
await sftp.unlink('/work/gone');
await sftp.mkdir('/empty');
await sftp.rmdir('/empty');
await sftp.stat('/work/gone').then(
  () => ok(false, 'a file that was removed is there'),
  ({ code }) => ok(code === 2),
);
client.end();
