/** X clients of a server that wait on a display of this side: what they are given, and when they are given up. */
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8Encode } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { type Wait, WaitTable } from '../../src/base/waits.ts';
import type { Display } from '../../src/client/x11/display.ts';
import { X11Forwarding } from '../../src/client/x11/forwarding.ts';
import { cookieProtocol } from '../../src/client/x11/setup.ts';
import type { ChannelAcceptor } from '../../src/endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../../src/endpoint/channels/channelPort.ts';
import type { SourceListener } from '../../src/endpoint/streams.ts';
import type { ForwardingHost } from '../../src/forwarding/host.ts';
import type { LocalConnection } from '../../src/forwarding/local.ts';
import { x11Req } from '../../src/message/channelRequest.ts';

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const real = new Uint8Array(16).fill(9);
const display: Display = { place: { host: 'localhost', port: 6000 }, screen: 2 } as unknown as Display;

/** The setup of an X client with a cookie. */
function setupOf(cookie: Uint8Array): Uint8Array {
  const name = utf8Encode(cookieProtocol);
  const head = new Uint8Array(12);
  const view = new DataView(head.buffer);
  head[0] = 0x6c;
  view.setUint16(2, 11, true);
  view.setUint16(6, name.length, true);
  view.setUint16(8, cookie.length, true);
  return concatBytes(head, name, new Uint8Array(-name.length & 3), cookie);
}

/** A channel that an X client came by. */
class Came {
  listener: SourceListener | undefined;
  closes = 0;
  readonly pieces: Uint8Array[] = [];
  readonly written: Uint8Array[] = [];
  end: () => void = () => {};
  readonly port: ChannelPort;

  constructor() {
    this.port = {
      data: {
        listen: (listener: SourceListener) => {
          this.listener = listener;
        },
        take: () => this.pieces.shift(),
        cancel: () => {},
      },
      extended: { cancel: () => {}, listen: () => {} },
      outbound: { listen: () => {}, write: () => {}, end: () => {}, cancel: () => {} },
      close: () => void this.closes++,
      closed: new Promise<void>((resolve) => {
        this.end = resolve;
      }),
    } as unknown as ChannelPort;
  }

  say(...pieces: readonly Uint8Array[]): void {
    this.pieces.push(...pieces);
    this.listener?.readable();
  }
}

/** A connection on which programs may have a display. */
class Scene {
  now = 1_000;
  readonly waits = new WaitTable();
  readonly requests: unknown[] = [];
  /** Connections to the display: the first bytes of each, and where it went. */
  readonly connected: { readonly place: unknown; readonly first: Uint8Array[] }[] = [];
  acceptor: ChannelAcceptor | undefined;
  reachable = true;
  private readonly forwarding: X11Forwarding;
  private cookies = 0;

  constructor() {
    const now = (): number => this.now;
    const host: Partial<ForwardingHost> = {
      get now() {
        return now();
      },
      timeouts: { ...defaultTimeouts, request: 100, connect: 50 },
      acceptors: {
        onChannel: (type: string, acceptor: ChannelAcceptor) => {
          expect(type).toBe('x11');
          this.acceptor = acceptor;
          return () => {
            this.acceptor = undefined;
          };
        },
      } as unknown as ForwardingHost['acceptors'],
      network: {
        connect: (place: unknown, signal: AbortSignal) => this.connect(place, signal),
      } as unknown as ForwardingHost['network'],
      startWait: (name, detail, timeout, onExpire) =>
        this.waits.start(name, detail, this.now, timeout, onExpire),
      finishWait: (wait) => this.waits.finish(wait),
      timeoutError: ({ name, detail }: Wait) => new SshError('ERR_SSH_TIMEOUT', detail, { waitingFor: name }),
      onEnd: () => () => {},
    };
    this.forwarding = new X11Forwarding({
      host: host as ForwardingHost,
      randomBytes: (length) => new Uint8Array(length).fill(++this.cookies),
      request: async (_port, type, payload) => void this.requests.push([type, x11Req.fromBytes(payload)]),
    });
  }

  private connect(place: unknown, signal: AbortSignal): Promise<LocalConnection> {
    if (!this.reachable) {
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }
    const first: Uint8Array[] = [];
    this.connected.push({ place, first });
    return Promise.resolve({
      source: { listen: () => {}, take: () => undefined, cancel: () => {} },
      sink: {
        listen: () => {},
        write: (bytes: Uint8Array, done: () => void) => {
          first.push(bytes);
          done();
        },
        end: () => {},
        cancel: () => {},
      },
      destroy: () => {},
      peer: {},
    } as unknown as LocalConnection);
  }

  forward(command: Came, acceptFor?: number): Promise<void> {
    return this.forwarding.forward(command.port, display, real, acceptFor);
  }

  /** An X client comes; whether it is accepted, and what it is told where not. */
  comes(): { readonly came: Came; readonly refused: string | undefined } {
    const came = new Came();
    let refused: string | undefined;
    this.acceptor?.({
      type: 'x11',
      data: new Uint8Array(0),
      isOpen: true,
      accept: () => came.port,
      refuse: (_code, why) => {
        refused = why;
      },
    });
    return { came, refused };
  }

  advance(milliseconds: number): void {
    this.now += milliseconds;
    for (const wait of this.waits.expired(this.now)) wait.onExpire?.();
  }
}

const fake = (number: number): Uint8Array => new Uint8Array(16).fill(number);

describe('an X client', () => {
  it('is connected to the display of the command whose cookie it has, with the true one', async () => {
    const scene = new Scene();
    await scene.forward(new Came());
    await scene.forward(new Came());
    expect(scene.requests).toEqual(
      ['01', '02'].map((byte) => [
        'x11-req',
        {
          singleConnection: false,
          x11AuthenticationProtocol: cookieProtocol,
          x11AuthenticationCookie: byte.repeat(16),
          x11ScreenNumber: 2,
        },
      ]),
    );
    const { came } = scene.comes();
    const setup = setupOf(fake(2));
    came.say(setup.subarray(0, 20));
    await soon();
    expect(scene.waits.list().map(({ name, timeout }) => [name, timeout])).toEqual([['request', 100]]);
    came.say(setup.subarray(20));
    await soon();
    expect(scene.connected).toEqual([{ place: display.place, first: [setupOf(real)] }]);
    expect([came.closes, scene.waits.list()]).toEqual([0, []]);
  });

  it('that has the cookie of no command is closed, and nothing is connected', async () => {
    const scene = new Scene();
    await scene.forward(new Came());
    const { came } = scene.comes();
    came.say(setupOf(fake(77)));
    await soon();
    expect([came.closes, scene.connected, scene.waits.list()]).toEqual([1, [], []]);
  });

  it('that says nothing is given up after the time of a request', async () => {
    const scene = new Scene();
    await scene.forward(new Came());
    const { came } = scene.comes();
    scene.advance(99);
    await soon();
    expect([came.closes, scene.waits.list().length]).toEqual([0, 1]);
    scene.advance(1);
    await soon();
    expect([came.closes, scene.waits.list()]).toEqual([1, []]);
  });

  it('that leaves, or whose channel breaks, leaves no wait behind', async () => {
    for (const end of [
      (listener?: SourceListener) => listener?.ended(),
      (listener?: SourceListener) => listener?.failed(new Error('gone')),
      (listener?: SourceListener) => listener?.aborted(new Error('gone')),
    ]) {
      const scene = new Scene();
      await scene.forward(new Came());
      const { came } = scene.comes();
      end(came.listener);
      await soon();
      expect([came.closes, scene.waits.list()]).toEqual([1, []]);
    }
  });

  it('is given up where its display does not answer in the time to connect', async () => {
    const scene = new Scene();
    scene.reachable = false;
    await scene.forward(new Came());
    const { came } = scene.comes();
    came.say(setupOf(fake(1)));
    await soon();
    expect(scene.waits.list().map(({ name, timeout }) => [name, timeout])).toEqual([['connect', 50]]);
    scene.advance(50);
    await soon();
    expect([came.closes, scene.waits.list()]).toEqual([1, []]);
  });

  it('is refused beyond 64 at once, and there is room again when one has gone', async () => {
    const scene = new Scene();
    await scene.forward(new Came());
    const all = Array.from({ length: 64 }, () => scene.comes());
    expect(all.filter(({ refused }) => refused !== undefined)).toEqual([]);
    expect(scene.comes().refused).toBe('too many connections to the display');
    all[0]?.came.listener?.ended();
    await soon();
    expect(scene.comes().refused).toBeUndefined();
    expect(scene.comes().refused).toBe('too many connections to the display');
  });

  it('is refused behind the time for new ones, and nobody is asked once the last command is over', async () => {
    const scene = new Scene();
    const [first, second] = [new Came(), new Came()];
    await scene.forward(first, 500);
    scene.now += 499;
    expect(scene.comes().refused).toBeUndefined();
    scene.now += 1;
    expect(scene.comes().refused).toBe('the time for new connections to the display is over');
    await scene.forward(second);
    expect(scene.comes().refused).toBeUndefined();
    first.end();
    await soon();
    expect(scene.acceptor).toBeDefined();
    second.end();
    await soon();
    expect(scene.acceptor).toBeUndefined();
  });
});
