/** Copies a local file to a remote one, and back, in flat memory. */
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Client, connect, SshError, shellQuote } from 'deadline-ssh';
import { argumentsOr, optionsFor } from './target.ts';

const [direction, target = '', from = '', to = ''] = argumentsOr(
  'stream up|down [user@]host[:port] from to',
  4,
);
await using client = await connect(optionsFor(target));
if (direction === 'up') await upload(client, from, to);
else await download(client, from, to);

/** The file is read no faster than the other side takes it. */
async function upload(client: Client, local: string, remote: string): Promise<void> {
  await using cat = await client.exec(`cat > ${shellQuote(remote)}`);
  cat.stdout.resume();
  cat.stderr.pipe(process.stderr);
  await pipeline(createReadStream(local), cat.stdin).catch((error: unknown) => {
    // The command took no more: its status says why.
    if (!(error instanceof SshError)) throw error;
  });
  await succeeded(cat.exit);
}

/** The other side sends no faster than the file is written: the window of the channel sees to that. */
async function download(client: Client, remote: string, local: string): Promise<void> {
  await using cat = await client.exec(['cat', remote]);
  cat.stderr.pipe(process.stderr);
  await pipeline(cat.stdout, createWriteStream(local));
  await succeeded(cat.exit);
}

/** A stream that ended is no proof that all of it came: the status is. */
async function succeeded(exit: Promise<{ readonly code: number | undefined }>): Promise<void> {
  const { code } = await exit;
  if (code !== 0) throw new Error(`the remote command ended with ${code ?? 'no status'}`);
}
