/**
 * A stand-in for MongoDB, which Debian does not have: enough of its wire protocol for the
 * driver to connect, ask and leave.
 *
 * Owns: OP_MSG and OP_QUERY as far as a greeting needs them, the commands hello, ping and
 * echo, which sends its value back.
 * Must not know: SSH; it is no database.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

const opReply = 1;
const opQuery = 2004;
const opMessage = 2013;
const headerLength = 16;

/** Fields of a BSON document, already encoded. */
type Fields = readonly Buffer[];

function field(type: number, name: string, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`), value]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

function document(fields: Fields): Buffer {
  const body = Buffer.concat([...fields, Buffer.from([0])]);
  return Buffer.concat([int32(4 + body.length), body]);
}

/** Where the value of an element ends, by its type; of the few types that the driver sends. */
function valueEnd(type: number, bytes: Buffer, at: number): number {
  switch (type) {
    case 0x01:
    case 0x09:
    case 0x11:
    case 0x12:
      return at + 8;
    case 0x02:
      return at + 4 + bytes.readInt32LE(at);
    case 0x03:
    case 0x04:
      return at + bytes.readInt32LE(at);
    case 0x05:
      return at + 5 + bytes.readInt32LE(at);
    case 0x07:
      return at + 12;
    case 0x08:
      return at + 1;
    case 0x0a:
      return at;
    case 0x10:
      return at + 4;
    default:
      throw new Error(`an element of type ${type}`);
  }
}

/** The elements of a document, whole, by name; their order is that of the document. */
function elements(bytes: Buffer, start: number): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const end = start + bytes.readInt32LE(start) - 1;
  for (let at = start + 4; at < end; ) {
    const nameEnd = bytes.indexOf(0, at + 1);
    const next = valueEnd(bytes[at] ?? 0, bytes, nameEnd + 1);
    found.set(bytes.subarray(at + 1, nameEnd).toString(), bytes.subarray(at, next));
    at = next;
  }
  return found;
}

const ok = field(0x01, 'ok', double(1));

function greeting(): Fields {
  const numbers = {
    maxBsonObjectSize: 16_777_216,
    maxMessageSizeBytes: 48_000_000,
    maxWriteBatchSize: 100_000,
    minWireVersion: 0,
    maxWireVersion: 21,
    connectionId: 1,
  };
  return [
    field(0x08, 'helloOk', Buffer.from([1])),
    field(0x08, 'isWritablePrimary', Buffer.from([1])),
    field(0x08, 'ismaster', Buffer.from([1])),
    ...Object.entries(numbers).map(([name, value]) => field(0x10, name, int32(value))),
    ok,
  ];
}

function answerTo(command: Map<string, Buffer>): Fields {
  const [name = ''] = command.keys();
  if (name === 'hello' || name === 'ismaster' || name === 'isMaster') return greeting();
  const value = command.get('value');
  return name === 'echo' && value !== undefined ? [value, ok] : [ok];
}

function message(responseTo: number, opCode: number, body: Buffer): Buffer {
  return Buffer.concat([...[headerLength + body.length, 1, responseTo, opCode].map(int32), body]);
}

/** The answer to one whole message. */
function reply(bytes: Buffer): Buffer {
  const [id, opCode] = [bytes.readInt32LE(4), bytes.readInt32LE(12)];
  if (opCode === opMessage) {
    // Flags, then a section of kind 0.
    const answer = document(answerTo(elements(bytes, headerLength + 5)));
    return message(id, opMessage, Buffer.concat([int32(0), Buffer.from([0]), answer]));
  }
  if (opCode !== opQuery) throw new Error(`a message of kind ${opCode}`);
  const nameEnd = bytes.indexOf(0, headerLength + 4);
  const answer = document(answerTo(elements(bytes, nameEnd + 9)));
  const head = [8, 0, 0, 0, 1].map(int32);
  return message(id, opReply, Buffer.concat([...head, answer]));
}

export class StandIn {
  readonly port: number;
  private readonly server: Server;
  private readonly sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.server = server;
    this.sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(): Promise<StandIn> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      let held = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        held = Buffer.concat([held, chunk]);
        while (held.length >= headerLength && held.length >= held.readInt32LE(0)) {
          const whole = held.subarray(0, held.readInt32LE(0));
          held = held.subarray(whole.length);
          socket.write(reply(whole));
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new StandIn(server, sockets);
  }

  stop(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
