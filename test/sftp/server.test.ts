/** The server's machine of SFTP, byte for byte; and both machines together. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultLimits, type Limits } from '../../src/base/limits.ts';
import { dataHeaderLength, decodeResponse, encodeInit, encodeRequest } from '../../src/sftp/packet/frame.ts';
import type { SftpRequest } from '../../src/sftp/packet/requests.ts';
import {
  type ServerRequest,
  type SftpServerEvent,
  SftpServerProtocol,
} from '../../src/sftp/protocol/server.ts';
import { hexBytes, lengthAnd } from '../message/support.ts';
import { requestRows } from './packets.ts';
import { aRead, ClientProbe, pathBytes } from './support.ts';

class ServerProbe {
  readonly events: SftpServerEvent[] = [];
  readonly core: SftpServerProtocol;

  constructor(limits: Partial<Limits> = {}) {
    this.core = new SftpServerProtocol({ limits: { ...defaultLimits, ...limits }, extensions: [] });
  }

  static ready(limits?: Partial<Limits>): ServerProbe {
    const probe = new ServerProbe(limits);
    probe.receive(encodeInit({ version: 3, extensions: [] }));
    probe.output();
    probe.events.length = 0;
    return probe;
  }

  receive(...chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.core.receive(chunk.slice());
    this.collect();
  }

  collect(): void {
    for (let event = this.core.nextEvent(); event !== undefined; event = this.core.nextEvent())
      this.events.push(event);
  }

  output(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let part = this.core.takeOutput(); part !== undefined; part = this.core.takeOutput())
      parts.push(part);
    this.collect();
    return new Uint8Array(Buffer.concat(parts));
  }

  get requests(): readonly ServerRequest[] {
    return this.events.flatMap((event) => (event.type === 'request' ? [event.request] : []));
  }

  get ended(): (SftpServerEvent & { type: 'ended' }) | undefined {
    return this.events.find((event) => event.type === 'ended');
  }
}

const aStat: SftpRequest = { kind: 'stat', path: pathBytes('/f') };

describe('the beginning', () => {
  it('answers INIT with version 3, whatever the client has', () => {
    for (const version of [3, 6]) {
      const probe = new ServerProbe();
      probe.receive(encodeInit({ version, extensions: [] }));
      expect(probe.events).toMatchObject([{ type: 'ready', init: { version } }]);
      expect(probe.output()).toEqual(hexBytes('00000005 02 00000003'));
    }
  });

  it('announces its extensions', () => {
    const extensions = [{ name: 'fsync@openssh.com', data: hexBytes('31') }];
    const core = new SftpServerProtocol({ limits: defaultLimits, extensions });
    core.receive(encodeInit({ version: 3, extensions: [] }));
    expect(core.takeOutput()).toEqual(
      hexBytes('0000001f 02 00000003', lengthAnd('fsync@openssh.com'), '00000001 31'),
    );
  });

  it('a request before INIT ends the session', () => {
    const probe = new ServerProbe();
    probe.receive(encodeRequest(1, aStat));
    expect(probe.ended?.error).toMatchObject({ code: 'ERR_SSH_SFTP_PROTOCOL' });
    expect(probe.ended?.error.message).toContain('SSH_FXP_STAT before SSH_FXP_INIT');
  });
});

describe('requests', () => {
  it('come as events, and are answered once each in any order', () => {
    const probe = ServerProbe.ready();
    probe.receive(...[5, 6, 5].map((id) => encodeRequest(id, aStat)));
    const [first, second, third] = probe.requests;
    if (first === undefined || second === undefined || third === undefined) throw new Error('three requests');
    expect([first.id, second.id, third.id]).toEqual([5, 6, 5]);
    probe.core.answerStatus(third, 4, 'third');
    probe.core.answer(first, { kind: 'attrs', attrs: {} });
    probe.core.answer(first, { kind: 'attrs', attrs: { size: 1n } });
    expect(probe.core.inFlight).toBe(1);
    const output = probe.output();
    expect(decodeResponse(output, 4, 28)).toMatchObject({ id: 5, body: { kind: 'status', errorCode: 4 } });
    expect(output.subarray(28)).toEqual(hexBytes('00000009 69 00000005 00000000'));
  });

  it('data is sent as it is', () => {
    const probe = ServerProbe.ready();
    probe.receive(encodeRequest(9, aRead(2)));
    const [request] = probe.requests;
    if (request === undefined) throw new Error('a request');
    const block = new Uint8Array(dataHeaderLength + 2).fill(7);
    probe.core.answerData(request, block);
    probe.core.answerData(request, block);
    expect(probe.output()).toEqual(hexBytes('0000000b 67 00000009 00000002 0707'));
  });

  it('of no known type, or malformed, are answered at once, and the session goes on', () => {
    const probe = ServerProbe.ready();
    probe.receive(
      hexBytes('00000005 4d 00000001'),
      hexBytes('00000006 11 00000002 ff'),
      encodeRequest(3, aStat),
    );
    expect(probe.requests.map(({ id }) => id)).toEqual([3]);
    const output = probe.output();
    const length = 4 + Buffer.from(output).readUInt32BE(0);
    expect(decodeResponse(output, 4, length)).toMatchObject({ id: 1, body: { errorCode: 8 } });
    expect(decodeResponse(output, length + 4)).toMatchObject({ id: 2, body: { errorCode: 5 } });
  });

  it.each([
    ['of length 0', '00000000', 'a packet of 0 bytes'],
    ['of length 4', '00000004', 'a packet of 4 bytes'],
    ['over the limit', '00040001 06', 'SSH_FXP_WRITE of 262145 bytes where 262144 are allowed'],
  ])('a packet %s ends the session', (_, hex, message) => {
    const probe = ServerProbe.ready();
    probe.receive(hexBytes(hex));
    expect(probe.ended?.error.message).toContain(message);
    expect(probe.core.wantsInput).toBe(false);
  });

  it('beyond the limit are held until others are answered', () => {
    const probe = ServerProbe.ready({ sftpRequests: 2 });
    probe.receive(...[1, 2, 3, 4].map((id) => encodeRequest(id, aStat)));
    expect(probe.requests.map(({ id }) => id)).toEqual([1, 2]);
    expect(probe.core.wantsInput).toBe(false);
    probe.core.answerStatus(probe.requests[0] as ServerRequest, 0);
    probe.collect();
    expect(probe.requests.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  it('are held while the client takes no answers', () => {
    const probe = ServerProbe.ready();
    let id = 0;
    while (probe.core.wantsInput) {
      probe.receive(encodeRequest(id++, aRead(32768)));
      const request = probe.requests.at(-1) as ServerRequest;
      probe.core.answerData(request, new Uint8Array(dataHeaderLength + 32768));
    }
    expect(id).toBe(32);
    probe.receive(encodeRequest(99, aStat));
    expect(probe.requests.at(-1)?.id).toBe(31);
    probe.output();
    expect(probe.requests.at(-1)?.id).toBe(99);
  });
});

describe('the end', () => {
  it('of the input lets what was asked be answered first', () => {
    const probe = ServerProbe.ready();
    probe.receive(encodeRequest(1, aStat));
    probe.core.inputEnded();
    probe.collect();
    expect(probe.ended).toBeUndefined();
    probe.core.answerStatus(probe.requests[0] as ServerRequest, 0);
    expect(probe.output().length).toBeGreaterThan(9);
    expect(probe.ended?.error).toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED' });
  });

  it('in the middle of a packet is a fault', () => {
    const probe = ServerProbe.ready();
    probe.receive(hexBytes('00000009 11'));
    probe.core.inputEnded();
    probe.collect();
    expect(probe.ended?.error.message).toContain('stopped in the middle of a packet');
  });

  it('an answer after it is dropped', () => {
    const probe = ServerProbe.ready();
    probe.receive(encodeRequest(1, aStat), hexBytes('00000000'));
    probe.core.answerStatus(probe.requests[0] as ServerRequest, 0);
    expect(probe.output().length).toBe(0);
  });
});

describe('both machines', () => {
  it('any request arrives as it was asked, whatever the pieces', () => {
    const bodies = fc.array(fc.oneof(...requestRows.map(({ values }) => values)), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        bodies,
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
        (asked, sizes) => {
          const client = ClientProbe.ready();
          const server = ServerProbe.ready();
          for (const body of asked) client.ask(body);
          const output = client.output();
          for (let at = 0, turn = 0; at < output.length; turn++) {
            const size = sizes[turn % sizes.length] as number;
            server.receive(output.subarray(at, at + size));
            at += size;
          }
          expect(server.requests.map(({ body }) => body)).toEqual(asked);
          expect(server.ended).toBeUndefined();
          for (const request of [...server.requests].reverse()) server.core.answerStatus(request, 4);
          client.receive(server.output());
          expect(client.answers).toHaveLength(asked.length);
        },
      ),
    );
  });
});
