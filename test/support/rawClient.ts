/**
 * A client core on a real socket, which goes as far as a test wants and then
 * says what it wants.
 *
 * Owns: the socket and the exchange of bytes with it.
 * Must not know: what is tested.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { defaultLimits } from '../../src/base/limits.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { WaitTable } from '../../src/base/waits.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import type { MessageCodec } from '../../src/message/codec.ts';
import { type ClientEvent, ClientProtocol } from '../../src/protocol/client.ts';
import { identificationLine } from '../../src/transport/identification.ts';
import { defaultPreferences } from '../../src/transport/kex/negotiation.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';
import { seededBytes } from './conversation.ts';

export class RawClient implements Disposable {
  readonly socket: Socket;
  readonly core: ClientProtocol;
  readonly events: ClientEvent[] = [];
  /** What is done at an event, in place of nothing. */
  onEvent: (event: ClientEvent) => void = () => {};
  /** The server has ended the connection. */
  readonly closed: Promise<unknown>;

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port });
    this.socket.on('error', () => {});
    this.closed = once(this.socket, 'close');
    this.core = new ClientProtocol({
      username: 'ops',
      provider: createEagerNobleProvider({ randomBytes: seededBytes(port) }),
      preferences: defaultPreferences,
      limits: defaultLimits,
      timeouts: defaultTimeouts,
      keepAlive: undefined,
      rekey: defaultRekeyPolicy,
      identification: identificationLine('raw'),
      requireStrict: false,
      waits: new WaitTable(),
      now: 0,
    });
    this.socket.on('data', (chunk) => {
      this.core.receive(new Uint8Array(chunk), 0);
      this.flush();
    });
    this.socket.once('connect', () => this.flush());
  }

  /** Sends a message whatever the state. */
  say<T>(message: MessageCodec<T>, value: T): void {
    this.core.transport.send(message, value);
    this.flush();
  }

  flush(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (let output = this.core.takeOutput(); output !== undefined; output = this.core.takeOutput()) {
        this.socket.write(output);
      }
      for (let event = this.core.nextEvent(); event !== undefined; event = this.core.nextEvent()) {
        moved = true;
        if (event.type === 'algorithmsWanted')
          void Promise.all(event.loaders.map((load) => load())).then(() => {
            this.core.algorithmsLoaded();
            this.flush();
          });
        this.events.push(event);
        this.onEvent(event);
      }
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
