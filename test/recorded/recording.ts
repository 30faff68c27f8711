/**
 * Conversations with real servers, kept in `fixtures/recorded`.
 *
 * Owns: their file format, making one and playing one back.
 * Must not know: which stories there are.
 */
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CryptoProvider } from '../../src/crypto/provider/provider.ts';
import { type Account, difference, type Story, StoryClient } from './story.ts';

export const recordingsFolder: string = fileURLToPath(new URL('../../fixtures/recorded/', import.meta.url));

/** One direction's bytes, in base64, as they came from or went to the socket at once. */
export type Line = { readonly client: string } | { readonly server: string };

/** A conversation as it was, byte for byte. */
export interface Recording {
  readonly story: Story;
  readonly outcome: Account;
  readonly lines: readonly Line[];
}

export type CreateProvider = (options: {
  readonly randomBytes: (length: number) => Uint8Array;
}) => CryptoProvider;

export function recordingPath(name: string): string {
  return join(recordingsFolder, `${name}.json`);
}

/** Plays a story with a server that listens on a port of this machine, and keeps every byte. */
export async function record(story: Story, port: number, createProvider: CreateProvider): Promise<Recording> {
  const client = new StoryClient(story, createProvider);
  const lines: Line[] = [];
  const socket = connect({ host: '127.0.0.1', port });
  socket.setTimeout(20_000, () => socket.destroy(new Error('the server said nothing for 20 s')));
  const say = (bytes: Uint8Array): void => {
    if (bytes.length === 0) return;
    lines.push({ client: Buffer.from(bytes).toString('base64') });
    socket.write(bytes);
  };
  say(await client.begin());
  for await (const chunk of socket) {
    lines.push({ server: (chunk as Buffer).toString('base64') });
    say(await client.receive(new Uint8Array(chunk as Buffer)));
    if (client.ended) break;
  }
  if (!client.ended) say(await client.hangUp());
  socket.destroy();
  return { story, outcome: client.outcome, lines };
}

/** What a client of today makes of a recording. */
export interface Replay {
  readonly outcome: Account;
  /** Empty where the client said, byte for byte, what it said then. */
  readonly difference: string;
}

/** Plays a recording to a new client in the chunks in which it came, and compares each answer. */
export async function replay(recording: Recording, createProvider: CreateProvider): Promise<Replay> {
  const client = new StoryClient(recording.story, createProvider);
  let said: Uint8Array = await client.begin();
  for (const line of recording.lines) {
    if ('server' in line) {
      if (said.length > 0) return { outcome: client.outcome, difference: `${said.length} bytes too many` };
      said = await client.receive(bytesOf(line.server));
    } else {
      const parted = difference(bytesOf(line.client), said);
      if (parted !== '') return { outcome: client.outcome, difference: parted };
      said = new Uint8Array(0);
    }
  }
  if (!client.ended) await client.hangUp();
  return { outcome: client.outcome, difference: '' };
}

/**
 * Plays the server's bytes to a new client, cut anew between one answer and the
 * next: what a server says to an answer cannot come ahead of it. The answers may
 * differ then, as to whether our EOF still overtakes their CLOSE; what came of
 * the story may not.
 *
 * @param cut length of the next chunk; at least 1
 */
export async function replayCut(
  recording: Recording,
  cut: () => number,
  createProvider: CreateProvider,
): Promise<Account> {
  const client = new StoryClient(recording.story, createProvider);
  let heard: Uint8Array[] = [];
  const hear = async (): Promise<void> => {
    const bytes = Buffer.concat(heard);
    heard = [];
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + cut());
      await client.receive(new Uint8Array(bytes.subarray(at, end)));
      at = end;
    }
  };
  await client.begin();
  for (const line of recording.lines) {
    if ('server' in line) heard.push(bytesOf(line.server));
    else await hear();
  }
  await hear();
  if (!client.ended) await client.hangUp();
  return client.outcome;
}

/**
 * Places of the server's lines that are under a key. Of those before, the
 * padding is nobody's to check: no exchange hash and no MAC is over it.
 */
export async function protectedLines(
  recording: Recording,
  createProvider: CreateProvider,
): Promise<readonly number[]> {
  const client = new StoryClient(recording.story, createProvider);
  await client.begin();
  const places: number[] = [];
  for (const [place, line] of recording.lines.entries()) {
    if (!('server' in line)) continue;
    if (client.outcome.keyExchanges.length > 0) places.push(place);
    await client.receive(bytesOf(line.server));
  }
  return places;
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}
