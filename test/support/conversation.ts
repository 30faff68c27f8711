/**
 * A client and a scripted peer in one process, without sockets, clocks or waiting.
 *
 * Owns: the exchange of bytes between a real client core and a server that can
 * behave truly up to any point and then say whatever a test wants: signed and
 * encrypted as it should be, and wrong at exactly one place. Keeps account of
 * what the client held at most.
 */
import { concatBytes, utf8Encode } from '../../src/base/bytes.ts';
import type { SshError } from '../../src/base/errors.ts';
import { defaultLimits, type Limits } from '../../src/base/limits.ts';
import { defaultTimeouts, type KeepAlive, type Timeouts } from '../../src/base/timeouts.ts';
import { WaitTable } from '../../src/base/waits.ts';
import type { Channel } from '../../src/connection/channel.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { writeUint32 } from '../../src/crypto/provider/packetFields.ts';
import type { CryptoProvider } from '../../src/crypto/provider/provider.ts';
import { resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import type { MessageCodec } from '../../src/message/codec.ts';
import { type KexInit, kexInit } from '../../src/message/transport.ts';
import { compressionSlot } from '../../src/packet/compressionCode.ts';
import * as zlib from '../../src/packet/zlib.ts';
import { type ClientEvent, ClientProtocol } from '../../src/protocol/client.ts';
import { type ServerEvent, ServerProtocol } from '../../src/protocol/server.ts';
import { identificationLine } from '../../src/transport/identification.ts';
import type { AlgorithmPreferences } from '../../src/transport/kex/negotiation.ts';
import { defaultRekeyPolicy, type RekeyPolicy } from '../../src/transport/transport.ts';
import { WireWriter } from '../../src/wire/writer.ts';

// The two wait for no code, whichever provider they have.
compressionSlot.fill(zlib);

/** How far the two get before the test takes over. */
export type Stage = 'start' | 'identified' | 'keysExchanged' | 'authentication' | 'ready';

export interface ConversationOptions {
  readonly client?: {
    readonly preferences?: Partial<AlgorithmPreferences>;
    readonly limits?: Partial<Limits>;
    readonly timeouts?: Partial<Timeouts>;
    readonly keepAlive?: KeepAlive;
    readonly rekey?: Partial<RekeyPolicy>;
    readonly requireStrict?: boolean;
    readonly provider?: CryptoProvider;
  };
  readonly server?: {
    readonly preferences?: Partial<AlgorithmPreferences>;
    readonly limits?: Partial<Limits>;
    readonly hostKeys?: readonly PrivateKey[];
    readonly provider?: CryptoProvider;
    readonly keepAlive?: KeepAlive;
    /** What it says it is. */
    readonly softwareVersion?: string;
  };
  /**
   * Sees each payload of the server before it is sealed and returns what is
   * sealed in its place; undefined drops it. The exchange hash is of the true one.
   */
  readonly tamper?: (payload: Uint8Array) => Uint8Array | undefined;
  /** Changes the server's KEXINIT, which then stands by it: the exchange hash is of what was sent. */
  readonly serverKexInit?: (message: KexInit) => KexInit;
  /** Somebody on the path: sees what the server sent and returns what arrives. */
  readonly onTheWire?: (bytes: Uint8Array) => Uint8Array;
  /** Whether the client takes the host key by itself. Default: true. */
  readonly acceptHostKey?: boolean;
  /** Bytes of a chunk between the two; all at once where not given. */
  readonly chunk?: number;
  /** The client hears each chunk from memory that is written over behind it. */
  readonly lent?: boolean;
  /** Its chunks are Buffers of Node's pool, whose `slice` is a window into it. */
  readonly buffers?: boolean;
  readonly seed?: number;
}

/** What a frame says of itself that is not so (RFC 4253 §6). */
export interface FrameLie {
  readonly packetLength?: number;
  readonly paddingLength?: number;
}

/** A server's KEXINIT without the names that begin with a prefix: strict key exchange, say. */
export function withoutKex(prefix: string): (message: KexInit) => KexInit {
  return (message) => ({
    ...message,
    kexAlgorithms: message.kexAlgorithms.filter((name) => !name.startsWith(prefix)),
  });
}

/** Random bytes from a seed: xorshift, good enough to tell runs apart and replay them. */
export function seededBytes(seed: number): (length: number) => Uint8Array {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      state ^= state << 13;
      state >>>= 0;
      state ^= state >>> 17;
      state ^= state << 5;
      state >>>= 0;
      bytes[i] = state;
    }
    return bytes;
  };
}

/** The host key of every conversation that brings none of its own. */
export const testHostKey: PrivateKey = generateKey('ed25519', { randomBytes: seededBytes(1) });

/** The payload of a message, its number included. */
export function payloadOf<T>(message: MessageCodec<T>, value: T): Uint8Array {
  const writer = new WireWriter();
  message.encode(writer, value);
  return writer.copyWritten();
}

export class Conversation {
  readonly client: ClientProtocol;
  readonly server: ServerProtocol;
  /** Every event of the client, in order. */
  readonly events: ClientEvent[] = [];
  readonly serverEvents: ServerEvent[] = [];
  /** Milliseconds. */
  now = 0;
  /** Every byte the client sent. */
  readonly fromClient: Uint8Array[] = [];
  /** The most input the client ever held, in bytes. */
  peakInput = 0;
  /** The most output the client ever held, in bytes. */
  peakOutput = 0;
  /** The most that channels of the client ever held for their consumers and from their writers, in bytes. */
  peakChannels = 0;
  private readonly options: ConversationOptions;
  private serverSilent = false;
  private clientSilent = false;
  private lie: FrameLie | undefined;

  constructor(options: ConversationOptions = {}) {
    const { client = {}, server = {}, seed = 7 } = options;
    this.options = options;
    const serving = { ...resolveAlgorithms(undefined, 'server'), wider: {} };
    // What a client names is served, also where it costs more than a server takes by default.
    const namedKex = client.preferences?.kex ?? [];
    this.client = new ClientProtocol({
      provider: client.provider ?? createEagerNobleProvider({ randomBytes: seededBytes(seed) }),
      preferences: { ...resolveAlgorithms(undefined), ...quickKex, ...client.preferences },
      limits: { ...defaultLimits, ...client.limits },
      timeouts: { ...defaultTimeouts, ...client.timeouts },
      keepAlive: client.keepAlive,
      rekey: { ...defaultRekeyPolicy, ...client.rekey },
      identification: identificationLine('deadline_ssh'),
      requireStrict: client.requireStrict ?? false,
      waits: new WaitTable(),
      now: 0,
      username: 'user',
    });
    this.server = new ServerProtocol({
      provider: this.lyingProvider(
        server.provider ?? createEagerNobleProvider({ randomBytes: seededBytes(seed + 1) }),
      ),
      preferences: { ...serving, kex: [...new Set([...serving.kex, ...namedKex])], ...server.preferences },
      limits: { ...defaultLimits, ...server.limits },
      timeouts: defaultTimeouts,
      keepAlive: server.keepAlive,
      rekey: defaultRekeyPolicy,
      identification: identificationOf(server.softwareVersion ?? 'scripted_peer'),
      requireStrict: false,
      waits: new WaitTable(),
      now: 0,
      hostKeys: server.hostKeys ?? [testHostKey],
      methods: ['password'],
      loginTimeout: Number.POSITIVE_INFINITY,
    });
    if (options.tamper !== undefined) this.tamperWith(options.tamper);
    if (options.serverKexInit !== undefined) this.alterKexInit(options.serverKexInit);
  }

  /** A conversation that went well up to a stage. */
  static to(stage: Stage, options: ConversationOptions = {}): Conversation {
    return new Conversation(options).proceed(stage);
  }

  /** A conversation with one channel open, and both its ends. */
  static withChannel(options: ConversationOptions = {}): {
    readonly conversation: Conversation;
    readonly channel: Channel;
    readonly serverChannel: Channel;
  } {
    const conversation = Conversation.to('ready', options);
    const channel = conversation.client.at(0).connection.open('session', new Uint8Array(0));
    conversation.exchange();
    const serverChannel = conversation.serverEventsOf('channelOpenRequested').at(-1)?.channel;
    if (serverChannel === undefined) throw new Error('the server saw no channel');
    conversation.server.at(0).connection.acceptOpen(serverChannel);
    conversation.exchange();
    return { conversation, channel, serverChannel };
  }

  /** Goes on truly up to a stage. */
  proceed(stage: Stage): this {
    for (let turn = 0; turn < 200 && !this.reached(stage) && this.cause === undefined; turn++) {
      const moved = this.turn(stage);
      if (!moved && !this.reached(stage)) throw new Error(`the conversation stands still before "${stage}"`);
    }
    return this;
  }

  /** Lets both sides talk until neither has anything to say. */
  exchange(): this {
    for (let turn = 0; turn < 100_000 && this.turn('ready'); turn++);
    return this;
  }

  // What the peer can do ---------------------------------------------------------

  /** Says a message, sealed truly, whatever the rules say, and lets the client answer. */
  say<T>(message: MessageCodec<T>, value: T): this {
    return this.sayPayload(payloadOf(message, value));
  }

  /** Says a payload, sealed truly: its first byte is the message number. */
  sayPayload(payload: Uint8Array): this {
    this.server.transport.sealer.begin().bytes(payload);
    this.server.transport.sealer.finish();
    return this.deliver();
  }

  /** Says a payload in a frame that lies, encrypted and authenticated truly. Only once keys are in use. */
  sayFrame(payload: Uint8Array, lie: FrameLie): this {
    this.deliver();
    this.lie = lie;
    return this.sayPayload(payload);
  }

  /** Says a payload without letting anything be delivered yet. */
  queuePayload(payload: Uint8Array): this {
    this.server.transport.sealer.begin().bytes(payload);
    this.server.transport.sealer.finish();
    return this;
  }

  /** Puts bytes on the wire as they are. */
  sayBytes(bytes: Uint8Array): this {
    this.client.receive(bytes, this.now);
    this.measure();
    return this.listen();
  }

  /** The bytes that the server has to say, taken from the wire. */
  takeServer(): Uint8Array {
    return drain(this.server);
  }

  /** Drops the account of what was said and sent, in conversations that go on for long. */
  forget(): this {
    this.events.length = 0;
    this.serverEvents.length = 0;
    this.fromClient.length = 0;
    return this;
  }

  /** Nothing the server says arrives any more. */
  silenceServer(): this {
    this.serverSilent = true;
    return this;
  }

  /** Nothing the client says arrives any more. */
  deafenServer(): this {
    this.clientSilent = true;
    return this;
  }

  /** Lets time pass, acting on every deadline on the way. */
  advance(milliseconds: number): this {
    const until = this.now + milliseconds;
    for (let step = 0; step < 10_000 && this.client.deadline() <= until; step++) {
      this.now = Math.max(this.now, this.client.deadline());
      this.client.expire(this.now);
      this.listen();
      this.exchange();
    }
    this.now = until;
    return this;
  }

  // What became of it ----------------------------------------------------------------

  /** Why the client ended; undefined while it lives. */
  get cause(): SshError | undefined {
    return this.client.cause;
  }

  /** The client's events of one type. */
  eventsOf<T extends ClientEvent['type']>(type: T): (ClientEvent & { readonly type: T })[] {
    return this.events.filter((event): event is ClientEvent & { readonly type: T } => event.type === type);
  }

  /** The server's events of one type. */
  serverEventsOf<T extends ServerEvent['type']>(type: T): (ServerEvent & { readonly type: T })[] {
    return this.serverEvents.filter(
      (event): event is ServerEvent & { readonly type: T } => event.type === type,
    );
  }

  /** Hands the client what the server has to say, and the server nothing. */
  deliver(): this {
    const bytes = drain(this.server);
    if (bytes.length > 0 && !this.serverSilent) this.toClient(bytes);
    return this.listen();
  }

  private reached(stage: Stage): boolean {
    switch (stage) {
      case 'start':
        return true;
      case 'identified':
        return this.client.transport.remote !== undefined;
      case 'keysExchanged':
        return this.eventsOf('keyExchanged').length > 0;
      case 'authentication':
        return this.eventsOf('methodWanted').length > 0;
      case 'ready':
        return this.eventsOf('ready').length > 0;
      default:
        return stage satisfies never;
    }
  }

  private turn(goal: Stage): boolean {
    const clientBytes = this.takeClient();
    if (clientBytes.length > 0 && !this.clientSilent) this.server.receive(clientBytes, this.now);
    for (let event = this.server.nextEvent(); event !== undefined; event = this.server.nextEvent()) {
      this.serverEvents.push(event);
      if (event.type === 'request') this.decide(event);
    }
    if (this.reached(goal) && goal !== 'ready') return clientBytes.length > 0;
    const serverBytes = drain(this.server);
    if (serverBytes.length > 0 && !this.serverSilent) this.toClient(serverBytes);
    this.listen(goal === 'ready');
    return clientBytes.length > 0 || serverBytes.length > 0;
  }

  private decide(event: ServerEvent & { type: 'request' }): void {
    if (event.method.method === 'password' && event.method.password === 'right') this.server.accept();
    else this.server.reject();
  }

  private toClient(sent: Uint8Array): void {
    const bytes = this.options.onTheWire?.(sent) ?? sent;
    const size = this.options.chunk ?? bytes.length;
    for (let start = 0; start < bytes.length; start += size) {
      const part = bytes.subarray(start, start + size);
      const chunk = this.options.buffers === true ? Buffer.from(part) : part.slice();
      this.client.receive(chunk, this.now, this.options.lent);
      if (this.options.lent === true) chunk.fill(0xee);
      this.measure();
    }
  }

  private measure(): void {
    this.peakInput = Math.max(this.peakInput, this.client.bufferedInput);
    this.peakOutput = Math.max(this.peakOutput, this.client.transport.pendingOutput);
    let held = 0;
    for (const { data, extended, pendingBytes } of this.client.connection.list()) {
      held += data.length + extended.length + pendingBytes;
    }
    this.peakChannels = Math.max(this.peakChannels, held);
  }

  private listen(answer = true): this {
    for (let event = this.client.nextEvent(); event !== undefined; event = this.client.nextEvent()) {
      this.events.push(event);
      if (event.type === 'hostKey' && (this.options.acceptHostKey ?? true))
        this.client.at(this.now).acceptHostKey();
      if (event.type === 'methodWanted' && answer && event.failed === undefined) {
        this.client.at(this.now).attempt({ method: 'password', password: 'right' });
      }
    }
    return this;
  }

  private takeClient(): Uint8Array {
    this.measure();
    const bytes = drain(this.client);
    if (bytes.length > 0) this.fromClient.push(bytes);
    return bytes;
  }

  private tamperWith(tamper: (payload: Uint8Array) => Uint8Array | undefined): void {
    const { sealer } = this.server.transport;
    const begin = sealer.begin.bind(sealer);
    const finish = sealer.finish.bind(sealer);
    let writer = new WireWriter();
    sealer.begin = () => {
      writer = begin();
      return writer;
    };
    sealer.finish = () => {
      // Asked of the writer: a payload that outgrew its page has moved.
      const { start } = writer as WireWriter & { readonly start: number };
      const altered = tamper(writer.buffer.slice(start, writer.position));
      writer.position = start;
      if (altered === undefined) return sealer.sequenceNumber;
      writer.bytes(altered);
      return finish();
    };
  }

  private alterKexInit(alter: (message: KexInit) => KexInit): void {
    const { transport } = this.server;
    const sendNow = transport.sendNow.bind(transport);
    transport.sendNow = <T>(message: MessageCodec<T>, value: T): Uint8Array => {
      // In place: the server negotiates by this very object.
      if (message.number === kexInit.number) Object.assign(value as KexInit, alter(value as KexInit));
      return sendNow(message, value);
    };
  }

  /** What the server seals passes here while its frame is still in the clear. */
  private lyingProvider(provider: CryptoProvider): CryptoProvider {
    return {
      ...provider,
      createSealingCipher: (keys) => {
        const cipher = provider.createSealingCipher(keys);
        const seal = cipher.seal.bind(cipher);
        cipher.seal = (buffer, offset, ...rest) => {
          const { packetLength, paddingLength } = this.lie ?? {};
          this.lie = undefined;
          if (packetLength !== undefined) writeUint32(buffer, offset, packetLength);
          if (paddingLength !== undefined) buffer[offset + 4] = paddingLength;
          seal(buffer, offset, ...rest);
        };
        return cipher;
      },
    };
  }
}

/** Old software has a hyphen in its version, which ours may not. */
function identificationOf(softwareVersion: string): Uint8Array {
  return utf8Encode(`SSH-2.0-${softwareVersion}`);
}

/** Nothing is added to it for peers of the list of quirks. */
const quickKex: Partial<AlgorithmPreferences> = { kex: ['curve25519-sha256'], wider: {} };

function drain(core: ClientProtocol | ServerProtocol): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let piece = core.takeOutput(); piece !== undefined; piece = core.takeOutput()) pieces.push(piece);
  return concatBytes(...pieces);
}
