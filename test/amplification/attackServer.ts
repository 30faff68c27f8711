/**
 * A server that asks its clients for more than they need.
 *
 * Owns: a listening socket, a core for each client that goes truly as far as a
 * probe wants, and what was sent.
 * Must not know: what is measured.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { defaultLimits } from '../../src/base/limits.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { WaitTable } from '../../src/base/waits.ts';
import type { MessageCodec } from '../../src/message/codec.ts';
import { type KexInit, kexInit } from '../../src/message/transport.ts';
import { ServerProtocol } from '../../src/protocol/server.ts';
import { identificationLine } from '../../src/transport/identification.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';
import { payloadOf, testHostKey } from '../support/conversation.ts';
import { attackProvider, clearPackets } from './attackClient.ts';
import { type ClientProbe, wireBytes } from './probe.ts';

/** One client that has dialed. */
export class AttackServer {
  readonly core: ServerProtocol;
  readonly arrival: Promise<void>;
  private readonly socket: Socket;
  private readonly probe: ClientProbe;
  private arrived: () => void = () => {};
  private countedFrom = 0;
  private packets = 0;

  constructor(socket: Socket, probe: ClientProbe) {
    this.socket = socket;
    this.probe = probe;
    socket.on('error', () => {});
    this.arrival = new Promise((resolve) => {
      this.arrived = resolve;
    });
    this.core = new ServerProtocol({
      provider: attackProvider,
      preferences: {
        kex: ['curve25519-sha256'],
        hostKey: ['ssh-ed25519'],
        cipher: ['aes128-gcm@openssh.com'],
        mac: [],
        compression: probe.compresses === true ? ['zlib@openssh.com'] : ['none'],
      },
      limits: { ...defaultLimits, messagesWithoutEffect: 1_000_000_000, keyExchangesWithoutData: 1_000_000 },
      timeouts: defaultTimeouts,
      keepAlive: undefined,
      rekey: defaultRekeyPolicy,
      identification: identificationLine('attack'),
      requireStrict: false,
      waits: new WaitTable(),
      now: 0,
      hostKeys: [testHostKey],
      methods: ['password', 'keyboard-interactive'],
      loginTimeout: Number.POSITIVE_INFINITY,
    });
    if (probe.from === 'connect') {
      this.arrive();
      return;
    }
    socket.on('data', (chunk) => {
      this.packets++;
      this.core.receive(new Uint8Array(chunk), 0);
      this.flush();
    });
    this.flush();
  }

  /** Bytes on the wire that count. */
  get sent(): number {
    const payload = this.socket.bytesWritten - this.countedFrom;
    return wireBytes(payload, this.packets, this.probe.from === 'connect');
  }

  raw(bytes: Uint8Array): void {
    this.write(bytes);
  }

  /** Says a message, sealed truly, whatever the rules say. */
  say<T>(message: MessageCodec<T>, value: T): void {
    this.core.transport.send(message, value);
  }

  /** Says a payload in the clear. */
  clear(payload: Uint8Array): void {
    this.raw(clearPackets(payload));
  }

  /** The identification and a KEXINIT, in the clear. */
  begin(init: KexInit, ...payloads: readonly Uint8Array[]): void {
    const packets = clearPackets(payloadOf(kexInit, init), ...payloads);
    this.raw(Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), packets]));
  }

  flush(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (let output = this.core.takeOutput(); output !== undefined; output = this.core.takeOutput()) {
        this.write(output);
      }
      for (let event = this.core.nextEvent(); event !== undefined; event = this.core.nextEvent()) {
        moved = true;
        if (event.type === 'request') {
          if (this.probe.from === 'authentication') this.arrive();
          else if (event.method.method === 'password') this.core.accept();
          else this.core.reject();
        } else if (event.type === 'authenticated') {
          // What it says next goes out behind SUCCESS.
          setImmediate(() => this.arrive());
        }
      }
    }
  }

  async drained(): Promise<void> {
    // Before the keys a probe says all of it itself.
    if (this.probe.from !== 'connect') this.flush();
    if (this.socket.writableLength > 0) {
      await new Promise<void>((resolve) => {
        this.socket.once('drain', resolve);
        this.socket.once('close', () => resolve());
      });
    }
  }

  private write(bytes: Uint8Array): void {
    this.packets++;
    this.socket.write(bytes);
  }

  destroy(): void {
    this.socket.destroy();
  }

  private arrive(): void {
    if (this.probe.listens !== true) this.socket.removeAllListeners('data').on('data', () => this.packets++);
    this.countedFrom = this.socket.bytesWritten;
    this.packets = 0;
    this.arrived();
  }
}

/** Where clients dial. */
export class AttackListener implements AsyncDisposable {
  readonly clients: AttackServer[] = [];
  /** What the next clients meet. */
  probe: ClientProbe | undefined;
  private readonly server: Server;
  private waiting: (() => void) | undefined;

  constructor() {
    this.server = createServer({ noDelay: true }, (socket) => {
      if (this.probe === undefined) return socket.destroy();
      this.clients.push(new AttackServer(socket, this.probe));
      this.waiting?.();
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.server.listen(0, '127.0.0.1', resolve);
    });
    return (this.server.address() as AddressInfo).port;
  }

  /** Resolves when so many clients are as far as the probe wants. */
  async arrivals(count: number): Promise<void> {
    while (this.clients.length < count) {
      await new Promise<void>((resolve) => {
        this.waiting = resolve;
      });
    }
    await Promise.all(this.clients.map(({ arrival }) => arrival));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
