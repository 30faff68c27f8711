/**
 * Part 3: message codecs and the byte queue, a message or a packet at a time.
 */
import { createRequire } from 'node:module';
import { channelData } from '../src/message/channel.ts';
import type { MessageCodec } from '../src/message/codec.ts';
import { channelDataStart, readRecipientChannel, writeChannelDataHeader } from '../src/message/hot.ts';
import { type KexInit, kexInit } from '../src/message/transport.ts';
import { ByteQueue } from '../src/wire/byteQueue.ts';
import { WireReader } from '../src/wire/reader.ts';
import { WireWriter } from '../src/wire/writer.ts';
import { type Contestant, race, ratio } from './lib/measure.ts';
import { printTable, writeResults } from './lib/report.ts';
import { cut } from './packet/drive.ts';

/** ssh2's reader of data types. */
interface Ssh2Parser {
  init(bytes: Buffer, start: number): void;
  readUInt32BE(): number | undefined;
  readString(): Buffer | undefined;
  readList(): string[] | undefined;
  readRaw(length: number): Buffer | undefined;
  readBool(): boolean | undefined;
}

const { makeBufferParser } = createRequire(import.meta.url)('ssh2/lib/protocol/utils.js') as {
  makeBufferParser(): Ssh2Parser;
};

/** The first of each race is held against the others. */
interface Race {
  readonly what: string;
  readonly contestants: readonly Contestant[];
}

const data = new Uint8Array(1024).fill(7);
const dataMessage = encoded(channelData, { recipientChannel: 3, data });

const exampleKexInit: KexInit = {
  cookie: new Uint8Array(16).fill(9),
  kexAlgorithms: [
    'mlkem768x25519-sha256',
    'curve25519-sha256',
    'ecdh-sha2-nistp256',
    'kex-strict-s-v00@openssh.com',
  ],
  serverHostKeyAlgorithms: ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256'],
  encryptionAlgorithmsClientToServer: [
    'aes128-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes128-ctr',
  ],
  encryptionAlgorithmsServerToClient: [
    'aes128-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes128-ctr',
  ],
  macAlgorithmsClientToServer: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
  macAlgorithmsServerToClient: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
  compressionAlgorithmsClientToServer: ['none', 'zlib@openssh.com'],
  compressionAlgorithmsServerToClient: ['none', 'zlib@openssh.com'],
  languagesClientToServer: [],
  languagesServerToClient: [],
  firstKexPacketFollows: false,
  reserved: 0,
};
const kexInitMessage = encoded(kexInit, exampleKexInit);

export function codecsPart(quick: boolean): void {
  const results = races(quick ? 5_000 : 100_000).map(({ what, contestants }) => {
    const timings = race(contestants, quick ? 3 : 15, quick ? 4 : 8);
    return { what, timings };
  });
  const rows = results.flatMap(({ what, timings }) =>
    timings.map((timing, index) => {
      const { median, low, high } = ratio(timings[0] as (typeof timings)[0], timing);
      return [
        what,
        timing.name,
        timing.nanoseconds.toFixed(0),
        index === 0 ? '' : `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`,
        `${timing.heapBytes.toFixed(0)} + ${timing.externalBytes.toFixed(0)}`,
      ];
    }),
  );
  printTable('3. Codecs and byte queue', ['what', 'by', 'ns', 'times the first', 'B allocated'], rows);
  writeResults('codecs', results);
}

function races(count: number): readonly Race[] {
  return [
    { what: 'read CHANNEL_DATA, 1 KiB', contestants: readData(count) },
    { what: 'write CHANNEL_DATA, 1 KiB', contestants: writeData(count) },
    { what: 'read KEXINIT', contestants: readKexInit(count / 20) },
    ...[65_536, 1448, 100].map((length) => ({
      what: `byte queue, 1,060 B of ${length} B chunks`,
      contestants: queues(length, count / 4),
    })),
  ];
}

function encoded<T>(codec: MessageCodec<T>, value: T): Uint8Array {
  const writer = new WireWriter();
  codec.encode(writer, value);
  return writer.copyWritten();
}

/** Runs `step` over and over; it returns a number, so that no engine can leave it out. */
function repeated(name: string, count: number, expected: number, step: () => number): Contestant {
  if (step() !== expected) throw new Error(`${name} gave ${step()} where ${expected} is right`);
  return {
    name,
    prepare: () => () => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += step();
      if (sum !== count * expected) throw new Error(`${name} changed its mind`);
      return count;
    },
  };
}

function readData(count: number): Contestant[] {
  const reader = new WireReader(dataMessage);
  const buffer = Buffer.from(dataMessage);
  const parser = makeBufferParser();
  return [
    repeated('by hand', count, 3 + 1024 + 7, () => {
      const start = channelDataStart(dataMessage, 0, dataMessage.length);
      const channel = readRecipientChannel(dataMessage, 0, dataMessage.length);
      return channel + dataMessage.length - start + (dataMessage[start] as number);
    }),
    repeated('declared codec', count, 3 + 1024 + 7, () => {
      const message = channelData.decode(reader.reset(dataMessage, 1, dataMessage.length));
      return message.recipientChannel + message.data.length + (message.data[0] as number);
    }),
    repeated('ssh2', count, 3 + 1024 + 7, () => {
      parser.init(buffer, 1);
      const channel = parser.readUInt32BE() as number;
      const bytes = parser.readString() as Buffer;
      return channel + bytes.length + (bytes[0] as number);
    }),
  ];
}

function writeData(count: number): Contestant[] {
  const page = new Uint8Array(4096);
  const writer = new WireWriter(page);
  return [
    repeated('by hand', count, dataMessage.length, () => {
      writer.reset(page, 0);
      writeChannelDataHeader(writer, 3, data.length);
      return writer.bytes(data).position;
    }),
    repeated('declared codec', count, dataMessage.length, () => {
      writer.reset(page, 0);
      channelData.encode(writer, { recipientChannel: 3, data });
      return writer.position;
    }),
  ];
}

function readKexInit(count: number): Contestant[] {
  const reader = new WireReader(kexInitMessage);
  const buffer = Buffer.from(kexInitMessage);
  const parser = makeBufferParser();
  return [
    repeated('declared codec', count, 4 + 4 + 2, () => {
      const message = kexInit.decode(reader.reset(kexInitMessage, 1, kexInitMessage.length));
      return (
        message.kexAlgorithms.length +
        message.serverHostKeyAlgorithms.length +
        message.compressionAlgorithmsServerToClient.length
      );
    }),
    repeated('ssh2', count, 4 + 4 + 2, () => {
      parser.init(buffer, 17);
      const lists = Array.from({ length: 10 }, () => parser.readList() as string[]);
      parser.readBool();
      parser.readUInt32BE();
      return [0, 1, 7].reduce((sum, index) => sum + (lists[index] as string[]).length, 0);
    }),
  ];
}

/** Packets of 1,060 bytes out of a stream in chunks, and the same with one growing Buffer. */
function queues(chunkLength: number, packets: number): Contestant[] {
  const length = 1060;
  const stream = new Uint8Array(length * packets);
  const take = (name: string, consume: (chunks: readonly Buffer[]) => number): Contestant => ({
    name,
    prepare: () => {
      const chunks = cut(stream, chunkLength);
      return () => {
        const taken = consume(chunks);
        if (taken !== packets) throw new Error(`${name} took ${taken} of ${packets} packets`);
        return taken;
      };
    },
  });
  return [
    take('byte queue', (chunks) => {
      const queue = new ByteQueue();
      let taken = 0;
      for (const chunk of chunks) {
        queue.push(chunk);
        while (queue.ensure(length)) {
          queue.consume(length);
          taken++;
        }
      }
      return taken;
    }),
    take('Buffer.concat', (chunks) => {
      let held: Buffer = Buffer.alloc(0);
      let taken = 0;
      for (const chunk of chunks) {
        held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
        while (held.length >= length) {
          held = held.subarray(length);
          taken++;
        }
      }
      return taken;
    }),
  ];
}
