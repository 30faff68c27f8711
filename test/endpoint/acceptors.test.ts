/** Answers to what a peer asks for by itself. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import {
  Acceptors,
  type ChannelOpening,
  type IncomingRequest,
} from '../../src/endpoint/channels/acceptors.ts';
import { ChannelPort } from '../../src/endpoint/channels/channelPort.ts';
import type { CoreDoor } from '../../src/endpoint/channels/coreDoor.ts';
import { EventRouter } from '../../src/endpoint/channels/eventRouter.ts';
import type { AnyCore } from '../../src/protocol/core.ts';
import { LoneChannel } from '../connection/support.ts';

/** A connection that notes what is answered on it. */
class Scene {
  readonly router = new EventRouter<ConnectionEvent>();
  readonly said: string[] = [];
  isLive = true;
  accepted = (): void => {};
  readonly acceptors: Acceptors;

  constructor() {
    const core = {
      connection: {
        acceptOpen: ({ type }: { type: string }) => {
          this.said.push(`accepted ${type}`);
          this.accepted();
        },
        refuseOpen: ({ type }: { type: string }, reason: number, text: string) =>
          this.said.push(`refused ${type} ${reason} ${text}`),
        replyGlobal: (success: boolean, data: Uint8Array) =>
          this.said.push(`${success ? 'yes' : 'no'} ${[...data].join()}`),
      },
    } as unknown as AnyCore;
    const scene = this;
    const door = {
      get isLive() {
        return scene.isLive;
      },
      quietly: (step: (core: AnyCore) => void) => {
        if (this.isLive) step(core);
      },
    } as unknown as CoreDoor;
    const ports = {
      portFor: (channel: ConstructorParameters<typeof ChannelPort>[0]) =>
        new ChannelPort(channel, { door, terminate: () => {} }),
    };
    this.acceptors = new Acceptors(this.router, door, ports, { reasonCode: 1, description: 'none here' });
  }

  request(name: string, wantReply: boolean = true, payload: Uint8Array = new Uint8Array(0)): void {
    this.router.handle({ type: 'globalRequest', name, wantReply, payload });
  }

  open(data: Uint8Array = new Uint8Array(0)): void {
    const { channel } = LoneChannel.open();
    this.router.handle({ type: 'channelOpenRequested', channel, channelTypeData: data });
  }
}

describe('a channel that the peer opens', () => {
  const { type } = LoneChannel.open().channel;

  it('is refused where nobody takes its type, in the words of this side', () => {
    const scene = new Scene();
    scene.acceptors.onChannel('another', (opening) => opening.accept());
    scene.open();
    expect(scene.said).toEqual([`refused ${type} 1 none here`]);
  });

  it('goes to who takes its type, with its data, and is answered once', () => {
    const scene = new Scene();
    const openings: ChannelOpening[] = [];
    scene.acceptors.onChannel(type, (opening) => openings.push(opening));
    scene.open(Uint8Array.of(7));
    const [opening] = openings as [ChannelOpening];
    expect([opening.type, [...opening.data], opening.isOpen, scene.said]).toEqual([type, [7], true, []]);
    expect(opening.accept()).toBeInstanceOf(ChannelPort);
    expect([opening.isOpen, opening.accept()]).toEqual([false, undefined]);
    opening.refuse(2, 'too late');
    expect(scene.said).toEqual([`accepted ${type}`]);
  });

  it('is refused once, and cannot be accepted then', () => {
    const scene = new Scene();
    const openings: ChannelOpening[] = [];
    scene.acceptors.onChannel(type, (opening) => openings.push(opening));
    scene.open();
    openings[0]?.refuse(4, 'no room');
    openings[0]?.refuse(4, 'no room');
    expect([openings[0]?.accept(), scene.said]).toEqual([undefined, [`refused ${type} 4 no room`]]);
  });

  it('can be answered no more once the connection has ended', () => {
    const scene = new Scene();
    const openings: ChannelOpening[] = [];
    scene.acceptors.onChannel(type, (opening) => openings.push(opening));
    scene.open();
    scene.isLive = false;
    openings[0]?.refuse(4, 'no room');
    expect([openings[0]?.isOpen, openings[0]?.accept(), scene.said]).toEqual([false, undefined, []]);
  });

  it('has no port where the acceptance itself ended the connection', () => {
    const scene = new Scene();
    const ports: unknown[] = [];
    scene.accepted = () => {
      scene.isLive = false;
    };
    scene.acceptors.onChannel(type, (opening) => ports.push(opening.accept()));
    scene.open();
    expect([ports, scene.said]).toEqual([[undefined], [`accepted ${type}`]]);
  });

  it('goes to the last who took its type, and to nobody once that one has stopped', () => {
    const scene = new Scene();
    const taken: string[] = [];
    const stopFirst = scene.acceptors.onChannel(type, () => taken.push('first'));
    const stopSecond = scene.acceptors.onChannel(type, () => taken.push('second'));
    stopFirst();
    scene.open();
    stopSecond();
    scene.open();
    expect([taken, scene.said]).toEqual([['second'], [`refused ${type} 1 none here`]]);
  });
});

describe('a global request', () => {
  it('is refused where nobody knows its name; one that wants no reply has none', () => {
    const scene = new Scene();
    scene.request('unknown');
    scene.request('unknown', false);
    expect(scene.said).toEqual(['no ']);
  });

  it('goes to who knows its name, with its payload, until that one stops', () => {
    const scene = new Scene();
    const seen: IncomingRequest[] = [];
    const stopFirst = scene.acceptors.onRequest('known', () => {});
    const stop = scene.acceptors.onRequest('known', (request) => seen.push(request));
    stopFirst();
    scene.request('known', false, Uint8Array.of(1, 2));
    const [request] = seen as [IncomingRequest];
    expect([request.name, [...request.payload], request.wantReply]).toEqual(['known', [1, 2], false]);
    request.reply(true);
    stop();
    scene.request('known');
    expect([seen.length, scene.said]).toEqual([1, ['no ']]);
  });

  it('has its answer in the order of the requests, whichever is ready first, and once', () => {
    const answers = fc.array(fc.tuple(fc.boolean(), fc.nat(255)), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        answers.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray([...all.keys()], { minLength: all.length })),
        ),
        ([all, order]) => {
          const scene = new Scene();
          const asked: IncomingRequest[] = [];
          scene.acceptors.onRequest('late', (request) => asked.push(request));
          for (const _ of all) scene.request('late');
          const expected = all.map(([success, byte]) => `${success ? 'yes' : 'no'} ${byte}`);
          const ready = new Set<number>();
          for (const index of order) {
            const [success, byte] = all[index] as [boolean, number];
            asked[index]?.reply(success, Uint8Array.of(byte));
            asked[index]?.reply(!success, Uint8Array.of(0));
            ready.add(index);
            // What goes out is all up to the first that is not ready.
            let known = 0;
            while (ready.has(known)) known++;
            expect(scene.said).toEqual(expected.slice(0, known));
          }
        },
      ),
    );
  });

  it('is refused in its turn where 64 answers are due already', () => {
    const scene = new Scene();
    const asked: IncomingRequest[] = [];
    scene.acceptors.onRequest('late', (request) => asked.push(request));
    for (let i = 0; i < 66; i++) scene.request('late');
    expect([asked.length, scene.said]).toEqual([64, []]);
    for (const request of asked) request.reply(true, Uint8Array.of(1));
    expect(scene.said).toEqual([...asked.map(() => 'yes 1'), 'no ', 'no ']);
    scene.request('late');
    expect(asked).toHaveLength(65);
  });

  it('is forgotten with the connection, and so are those who knew its name', () => {
    const scene = new Scene();
    const asked: IncomingRequest[] = [];
    scene.acceptors.onRequest('late', (request) => asked.push(request));
    scene.request('late');
    scene.acceptors.forget();
    asked[0]?.reply(true);
    scene.request('late');
    expect([asked.length, scene.said]).toEqual([1, ['no ']]);
  });

  it('ends with the connection by its last event', () => {
    const scene = new Scene();
    const asked: IncomingRequest[] = [];
    scene.acceptors.onRequest('late', (request) => asked.push(request));
    scene.request('late');
    scene.router.ended(new SshError('ERR_SSH_CONNECTION_LOST', 'gone'));
    asked[0]?.reply(true);
    expect(scene.said).toEqual([]);
  });
});
