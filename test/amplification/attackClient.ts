/**
 * A client that asks a server for more than it needs.
 *
 * Owns: a socket, a core that goes truly as far as a probe wants, and what was sent.
 * Must not know: what is measured.
 */
import { connect, type Socket } from 'node:net';
import { concatBytes } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { WaitTable } from '../../src/base/waits.ts';
import type { Channel } from '../../src/connection/channel.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import type { CryptoProvider } from '../../src/crypto/provider/provider.ts';
import { exec } from '../../src/message/channelRequest.ts';
import type { MessageCodec } from '../../src/message/codec.ts';
import type { KexInit } from '../../src/message/transport.ts';
import { kexInit } from '../../src/message/transport.ts';
import { PacketSealer } from '../../src/packet/sealer.ts';
import { ClientProtocol } from '../../src/protocol/client.ts';
import { identificationLine } from '../../src/transport/identification.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';
import { payloadOf, seededBytes } from '../support/conversation.ts';
import { type ServerProbe, wireBytes } from './probe.ts';

export const attackProvider: CryptoProvider = createEagerNobleProvider({ randomBytes: seededBytes(11) });

/** Packets in the clear, as they are before the keys. */
export function clearPackets(...payloads: readonly Uint8Array[]): Uint8Array {
  const sealer = new PacketSealer(attackProvider);
  for (const payload of payloads) {
    sealer.begin().bytes(payload);
    sealer.finish();
  }
  const pieces: Uint8Array[] = [];
  for (let piece = sealer.takeOutput(); piece !== undefined; piece = sealer.takeOutput()) pieces.push(piece);
  return concatBytes(...pieces);
}

/** The shortest KEXINIT that agrees on a method and a host key. */
export function shortKexInit(kex: string, hostKey: string = 'ssh-ed25519'): KexInit {
  const cipher = ['aes128-gcm@openssh.com'];
  return {
    cookie: new Uint8Array(16),
    kexAlgorithms: [kex],
    serverHostKeyAlgorithms: [hostKey],
    encryptionAlgorithmsClientToServer: cipher,
    encryptionAlgorithmsServerToClient: cipher,
    macAlgorithmsClientToServer: [],
    macAlgorithmsServerToClient: [],
    compressionAlgorithmsClientToServer: ['none'],
    compressionAlgorithmsServerToClient: ['none'],
    languagesClientToServer: [],
    languagesServerToClient: [],
    firstKexPacketFollows: false,
    reserved: 0,
  };
}

export class AttackClient {
  readonly core: ClientProtocol;
  private readonly socket: Socket;
  private readonly from: ServerProbe['from'];
  private readonly listens: boolean;
  private arrived: () => void = () => {};
  private countedFrom = 0;
  private packets = 0;

  constructor(
    port: number,
    { from, listens = false, compresses = false }: Pick<ServerProbe, 'from' | 'listens' | 'compresses'>,
  ) {
    this.from = from;
    this.listens = listens;
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket.on('error', () => {});
    this.core = new ClientProtocol({
      username: 'user',
      provider: attackProvider,
      preferences: {
        kex: ['curve25519-sha256'],
        hostKey: ['ssh-ed25519'],
        cipher: ['aes128-gcm@openssh.com'],
        mac: [],
        compression: compresses ? ['zlib@openssh.com'] : ['none'],
      },
      limits: { ...defaultLimits, messagesWithoutEffect: 1_000_000_000, keyExchangesWithoutData: 1_000_000 },
      timeouts: defaultTimeouts,
      keepAlive: undefined,
      rekey: defaultRekeyPolicy,
      identification: identificationLine('attack'),
      requireStrict: false,
      waits: new WaitTable(),
      now: 0,
    });
  }

  /** Goes truly as far as the probe wants it. */
  async arrive(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.arrived = resolve;
      this.socket.once('connect', () => {
        if (this.from === 'connect') return resolve();
        this.socket.on('data', (chunk) => {
          this.packets++;
          this.core.receive(new Uint8Array(chunk), 0);
          this.flush();
        });
        this.flush();
      });
    });
    if (!this.listens) this.deafen();
    this.countedFrom = this.socket.bytesWritten;
    this.packets = 0;
  }

  /** Hears nothing any more: an answer that a true client does not expect would end it. */
  deafen(): void {
    this.socket.removeAllListeners('data').on('data', () => this.packets++);
  }

  /** Opens a session truly, and starts a command on it where one is given. */
  async session(command?: string): Promise<Channel> {
    const channel = this.core.connection.open('session', new Uint8Array(0));
    this.flush();
    while (channel.state === 'opening') await new Promise((resolve) => setTimeout(resolve, 2));
    if (command !== undefined) {
      const request = channel.request(exec.name, exec.toBytes({ command }), true);
      this.flush();
      while (request !== undefined && channel.pendingRequests > 0) {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
    return channel;
  }

  /** Bytes on the wire that count. */
  get sent(): number {
    const payload = this.socket.bytesWritten - this.countedFrom;
    return wireBytes(payload, this.packets, this.from === 'connect');
  }

  /** Sends bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.write(bytes);
  }

  /** Says a message, sealed truly, whatever the rules say. */
  say<T>(message: MessageCodec<T>, value: T): void {
    this.core.transport.send(message, value);
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
        if (event.type === 'hostKey') this.core.acceptHostKey();
        else if (event.type === 'methodWanted') {
          if (this.from === 'authentication') this.arrived();
          else if (event.failed === undefined) this.core.attempt({ method: 'password', password: 'right' });
        } else if (event.type === 'ready') this.arrived();
        else if (event.type === 'ended') this.arrived();
      }
    }
  }

  /** Resolves when everything was taken by the system. */
  async drained(): Promise<void> {
    // Before the keys a probe says all of it itself.
    if (this.from !== 'connect') this.flush();
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
}
