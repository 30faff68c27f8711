/** The client's machine of SFTP, byte for byte. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeResponse, encodeVersion, writeHeaderLength } from '../../src/sftp/packet/frame.ts';
import type { SftpRequest } from '../../src/sftp/packet/requests.ts';
import type { SftpResponse } from '../../src/sftp/packet/responses.ts';
import { symlinkOrderOf } from '../../src/sftp/protocol/quirks.ts';
import { hexBytes, lengthAnd } from '../message/support.ts';
import { aRead, ClientProbe, dataOf, handleBytes, ok, pathBytes, statusOf } from './support.ts';

const aStat: SftpRequest = { kind: 'stat', path: pathBytes('/f') };
const attrs: SftpResponse = { kind: 'attrs', attrs: { size: 7n } };
const handle: SftpResponse = { kind: 'handle', handle: handleBytes };
const nameOf = (...names: readonly string[]): SftpResponse => ({
  kind: 'name',
  names: names.map((name) => ({ filename: pathBytes(name), longname: pathBytes(''), attrs: {} })),
});

describe('the beginning', () => {
  it('sends INIT at once, and asks nothing before VERSION', () => {
    const probe = new ClientProbe();
    expect(probe.output()).toEqual(hexBytes('00000005 01 00000003'));
    expect(probe.core.canRequest).toBe(false);
    expect(() => probe.ask(aStat)).toThrow(expect.objectContaining({ code: 'ERR_SSH_LIMIT' }));
    expect(probe.waits.table.list()).toMatchObject([{ name: 'request', detail: 'SSH_FXP_VERSION' }]);
    probe.receive(encodeVersion({ version: 3, extensions: [{ name: 'copy-data', data: hexBytes('31') }] }));
    expect(probe.events).toMatchObject([{ type: 'ready', version: { extensions: [{ name: 'copy-data' }] } }]);
    expect(probe.waits.table.size).toBe(0);
    expect(probe.core.canRequest).toBe(true);
  });

  it('class: a server that sends nothing, or half a VERSION, ends by the deadline', () => {
    for (const [bytes, heard] of [
      ['', 'nothing'],
      ['00000005 02 0000', '7 bytes of it'],
    ] as const) {
      const probe = new ClientProbe();
      probe.receive(hexBytes(bytes));
      probe.pass(14_999);
      expect(probe.ended).toBeUndefined();
      probe.pass(1);
      expect(probe.ended?.error).toMatchObject({
        code: 'ERR_SSH_TIMEOUT',
        waitingFor: 'request',
        deadline: 15_000,
      });
      expect(probe.ended?.error.message).toContain(`sent ${heard} where SSH_FXP_VERSION was due`);
      expect(probe.waits.table.size).toBe(0);
    }
  });

  it.each([0, 1, 2])('class: version %d is refused, as what the server speaks', (version) => {
    const probe = new ClientProbe();
    probe.receive(encodeVersion({ version, extensions: [] }));
    expect(probe.ended?.error).toMatchObject({ code: 'ERR_SSH_SFTP_PROTOCOL' });
    expect(probe.ended?.error.message).toContain(`speaks version ${version} of SFTP`);
  });

  it.each([4, 7])('class: version %d is more than was offered', (version) => {
    const probe = new ClientProbe();
    probe.receive(encodeVersion({ version, extensions: [] }));
    expect(probe.ended?.error.message).toContain(`its version is ${version}, where at most 3 was offered`);
  });

  it('ssh2#1094: a greeting before the first packet is quoted, escaped', () => {
    const probe = new ClientProbe();
    const greeting = Buffer.from('Welcome!\x1b[31m\r\n');
    probe.receive(new Uint8Array(Buffer.concat([greeting, encodeVersion({ version: 3, extensions: [] })])));
    const { error } = probe.ended ?? {};
    expect(error).toMatchObject({ code: 'ERR_SSH_SFTP_PROTOCOL', origin: 'peer' });
    expect(error?.message).toContain('text came before its first packet: "Welcome!\\x1b[31m\\x0d\\x0a"');
    expect(error?.message).toContain('.bashrc');
  });

  it('class: a greeting is told in pieces as well, and where it is all there is', () => {
    const piecewise = new ClientProbe();
    for (const byte of Buffer.from('Hi')) piecewise.receive(Uint8Array.of(byte));
    expect(piecewise.ended?.error).toMatchObject({ code: 'ERR_SSH_SFTP_PROTOCOL' });
    const short = new ClientProbe();
    short.receive(hexBytes('0000'));
    short.core.inputEnded();
    short.collect();
    expect(short.ended?.error.message).toContain(
      'its first packet is not an SSH_FXP_VERSION (it begins with "\\x00\\x00")',
    );
  });

  it('another packet in place of VERSION ends the session', () => {
    const probe = new ClientProbe();
    probe.receive(encodeResponse(0, ok));
    expect(probe.ended?.error.message).toContain('its first packet is not an SSH_FXP_VERSION');
  });

  it('a server that closes without a word may offer no SFTP', () => {
    const probe = new ClientProbe();
    probe.core.inputEnded();
    probe.collect();
    expect(probe.ended?.error).toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED' });
    expect(probe.ended?.error.message).toContain('before SFTP began');
  });
});

describe('requests and answers', () => {
  it('hold the entries of a folder as their packet, and make them when they are taken', () => {
    const probe = ClientProbe.ready();
    probe.ask({ kind: 'readdir', handle: handleBytes }, 'a');
    const packet = encodeResponse(0, nameOf('one', 'two'));
    probe.receive(packet);
    // The memory of what came may be used again.
    packet.fill(0);
    const [event] = probe.events.filter(({ type }) => type === 'answered');
    const { answer } = event as { readonly answer: SftpResponse & { readonly kind: 'name' } };
    expect(answer).toEqual(nameOf('one', 'two'));
    expect(answer.names).not.toBe(answer.names);
  });

  it('belong together by the id, in any order', () => {
    const probe = ClientProbe.ready();
    const requests = ['a', 'b', 'c'].map((token) => probe.ask(aStat, token));
    expect(requests.map(({ id }) => id)).toEqual([0, 1, 2]);
    expect(probe.waits.table.list().map(({ detail }) => detail)).toEqual([
      'the answer to SSH_FXP_STAT 0',
      'the answer to SSH_FXP_STAT 1',
      'the answer to SSH_FXP_STAT 2',
    ]);
    for (const request of requests.reverse()) probe.answer(request, attrs);
    expect(probe.answers).toEqual([
      ['c', 'attrs'],
      ['b', 'attrs'],
      ['a', 'attrs'],
    ]);
    expect(probe.core.inFlight).toBe(0);
    expect(probe.waits.table.size).toBe(0);
  });

  it('are as many as the limit allows', () => {
    const probe = ClientProbe.ready({ sftpRequests: 2 });
    const first = probe.ask(aStat);
    probe.ask(aStat);
    expect(probe.core.canRequest).toBe(false);
    expect(() => probe.ask(aStat)).toThrow('limits.sftpRequests');
    probe.answer(first, attrs);
    expect(probe.core.canRequest).toBe(true);
  });

  it('a request longer than a packet may be is refused here, and leaves nothing', () => {
    const probe = ClientProbe.ready({ sftpPacketLength: 34_000 });
    const long: SftpRequest = { kind: 'stat', path: new Uint8Array(34_000) };
    expect(() => probe.ask(long)).toThrow(expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }));
    expect(probe.core.inFlight).toBe(0);
    expect(probe.waits.table.size).toBe(0);
    expect(probe.output().length).toBe(0);
    const block = new Uint8Array(writeHeaderLength(handleBytes) + 34_000);
    const operation = { name: 'write', path: '/f' };
    expect(() => probe.core.write(handleBytes, 0, block, operation, 'a')).toThrow('limits.sftpPacketLength');
    expect(probe.core.inFlight).toBe(0);
  });

  it('READ and WRITE by hand are the packets of the draft, and a block is sent as it is', () => {
    const probe = ClientProbe.ready();
    const operation = { name: 'x', path: undefined };
    probe.core.read(handleBytes, 2 ** 33, 5, operation, 'r');
    const block = new Uint8Array(writeHeaderLength(handleBytes) + 2).fill(0xee);
    probe.core.write(handleBytes, 1, block, operation, 'w');
    probe.ask(aStat);
    const read = ['00000017 05 00000000', lengthAnd('h1'), '0000000200000000 00000005'];
    const write = ['00000019 06 00000001', lengthAnd('h1'), '0000000000000001 00000002 eeee'];
    const stat = ['0000000b 11 00000002', lengthAnd('/f')];
    expect(probe.core.pendingOutput).toBe(hexBytes(...read, ...write, ...stat).length);
    expect(probe.output()).toEqual(hexBytes(...read, ...write, ...stat));
    expect(probe.core.pendingOutput).toBe(0);
  });

  it('ids wrap, and those in use are passed over', () => {
    const probe = ClientProbe.ready();
    const waiting = probe.ask(aStat, 'first');
    (probe.core as unknown as { nextId: number }).nextId = 0xffffffff;
    expect([probe.ask(aStat).id, probe.ask(aStat).id]).toEqual([0xffffffff, 1]);
    probe.answer(waiting, attrs);
    expect(probe.answers).toEqual([['first', 'attrs']]);
  });

  it('asyncssh#814: DATA may be short, and comes in the pieces in which it came', () => {
    const probe = ClientProbe.ready();
    const request = probe.ask(aRead(8));
    const bytes = encodeResponse(request.id, dataOf(1, 2, 3));
    probe.receive(bytes.subarray(0, 14), bytes.subarray(14, 15), bytes.subarray(15));
    const [event] = probe.events;
    expect(event).toMatchObject({ type: 'answered', answer: { kind: 'data', length: 3 } });
    if (event?.type !== 'answered' || event.answer.kind !== 'data') throw new Error('no data');
    expect(new Uint8Array(Buffer.concat(event.answer.pieces as Uint8Array[]))).toEqual(
      Uint8Array.of(1, 2, 3),
    );
  });

  it('pieces of the input do not matter', () => {
    const answers: readonly SftpResponse[] = [
      attrs,
      dataOf(9, 8, 7, 6),
      handle,
      ok,
      nameOf('a', 'b'),
      statusOf(1),
      dataOf(5),
    ];
    const kinds: readonly SftpRequest[] = [
      aStat,
      aRead(4),
      { kind: 'open', filename: pathBytes('/f'), pflags: 1, attrs: {} },
      { kind: 'remove', filename: pathBytes('/f') },
      { kind: 'readdir', handle: handleBytes },
      aRead(4),
      aRead(1),
    ];
    const play = (cuts: readonly number[]): unknown => {
      const probe = ClientProbe.ready();
      const requests = kinds.map((body, index) => probe.ask(body, `${index}`));
      const stream = Buffer.concat(
        requests.map(({ id }, index) => encodeResponse(id, answers[index] as SftpResponse)),
      );
      let at = 0;
      for (const cut of [...cuts].sort((a, b) => a - b)) {
        const end = Math.min(Math.max(at, cut), stream.length);
        probe.receive(new Uint8Array(stream.subarray(at, end)));
        at = end;
      }
      probe.receive(new Uint8Array(stream.subarray(at)));
      return probe.events.map((event) => {
        if (event.type !== 'answered') return event;
        const { answer } = event;
        const whole =
          answer.kind === 'data' ? Buffer.concat(answer.pieces as Uint8Array[]).toString('hex') : answer;
        return [event.token, whole];
      });
    };
    const expected = play([]);
    expect(expected).toHaveLength(kinds.length);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 260 }), { maxLength: 40 }), (cuts) => {
        expect(play(cuts)).toEqual(expected);
      }),
    );
  });
});

describe('a server that lies', () => {
  const ends = (what: string, act: (probe: ClientProbe) => void, message: string | RegExp): void => {
    it(`row 60, 63: ${what} ends the session`, () => {
      const probe = ClientProbe.ready();
      act(probe);
      expect(probe.ended?.error).toMatchObject({ code: 'ERR_SSH_SFTP_PROTOCOL', origin: 'peer' });
      expect(probe.ended?.error.message).toMatch(message);
      expect(probe.waits.table.size).toBe(0);
      expect(probe.core.inFlight).toBe(0);
      expect(() => probe.ask(aStat)).toThrow(probe.ended?.error);
      expect(probe.core.takeOutput()).toBeUndefined();
    });
  };

  ends(
    'an answer to nothing',
    (probe) => probe.receive(encodeResponse(7, ok)),
    'an SSH_FXP_STATUS to request 7, which is not open',
  );
  ends(
    'data for nothing',
    (probe) => probe.receive(encodeResponse(7, dataOf(1))),
    'an SSH_FXP_DATA to request 7',
  );
  ends(
    'an answer twice',
    (probe) => {
      const request = probe.ask(aStat);
      probe.answer(request, attrs);
      probe.answer(request, attrs);
    },
    'an SSH_FXP_ATTRS to request 0, which is not open',
  );
  ends(
    'more data than was asked for',
    (probe) => probe.answer(probe.ask(aRead(2)), dataOf(1, 2, 3)),
    '3 bytes of data where 2 were asked for',
  );
  ends(
    'data for a stat',
    (probe) => probe.answer(probe.ask(aStat), dataOf(1)),
    'SSH_FXP_DATA in answer to SSH_FXP_STAT',
  );
  ends(
    'a handle for a stat',
    (probe) => probe.answer(probe.ask(aStat), handle),
    'SSH_FXP_HANDLE in answer to SSH_FXP_STAT',
  );
  ends(
    'success without what was asked for',
    (probe) => probe.answer(probe.ask(aStat), ok),
    'SSH_FX_OK in answer to SSH_FXP_STAT',
  );
  ends(
    'two empty answers to READ in a row',
    (probe) => {
      probe.answer(probe.ask(aRead(2)), dataOf());
      expect(probe.ended).toBeUndefined();
      probe.answer(probe.ask(aRead(2)), dataOf());
    },
    'two empty answers in a row to SSH_FXP_READ',
  );
  ends(
    'two empty listings in a row',
    (probe) => {
      for (let i = 0; i < 2; i++) probe.answer(probe.ask({ kind: 'readdir', handle: handleBytes }), nameOf());
    },
    'two empty answers in a row to SSH_FXP_READDIR',
  );
  ends(
    'two names for one',
    (probe) => probe.answer(probe.ask({ kind: 'realpath', path: pathBytes('.') }), nameOf('/a', '/b')),
    '2 names in answer to SSH_FXP_REALPATH',
  );
  ends(
    'no name for one',
    (probe) => probe.answer(probe.ask({ kind: 'readlink', path: pathBytes('.') }), nameOf()),
    '0 names in answer to SSH_FXP_READLINK',
  );
  ends(
    'a name over the limit',
    (probe) => probe.answer(probe.ask({ kind: 'readdir', handle: handleBytes }), nameOf('x'.repeat(4097))),
    'a name of 4097 bytes where 4096 are allowed',
  );
  ends('a packet of length 0', (probe) => probe.receive(hexBytes('00000000')), 'a packet of 0 bytes');
  ends('a packet of length 1', (probe) => probe.receive(hexBytes('00000001')), 'a packet of 1 bytes');
  ends(
    'a packet of 4 GiB',
    (probe) => probe.receive(hexBytes('ffffffff 67')),
    'SSH_FXP_DATA of 4294967295 bytes where 262144 are allowed',
  );
  ends(
    'a packet one over the limit',
    (probe) => probe.receive(hexBytes('00040001 65')),
    'SSH_FXP_STATUS of 262145 bytes',
  );
  ends(
    'data that is not as long as its packet',
    (probe) => {
      probe.ask(aRead(9));
      probe.receive(hexBytes('0000000b 67 00000000 00000003 0102'));
    },
    'an SSH_FXP_DATA of 3 bytes in a packet that has 2',
  );
  ends(
    'a DATA without its length',
    (probe) => {
      probe.ask(aRead(9));
      probe.receive(hexBytes('00000006 67 00000000 00'));
    },
    'malformed SSH_FXP_DATA',
  );
  ends(
    'a handle of 0 bytes',
    (probe) => {
      probe.ask({ kind: 'opendir', path: pathBytes('/') });
      probe.receive(hexBytes('00000009 66 00000000 00000000'));
    },
    'a handle of 0 bytes',
  );
  ends(
    'a packet of no kind',
    (probe) => probe.receive(hexBytes('00000005 4d 00000000')),
    'SSH_FXP_ 77 where an answer was expected',
  );
  ends(
    'VERSION a second time',
    (probe) => probe.receive(encodeVersion({ version: 3, extensions: [] })),
    'SSH_FXP_VERSION where an answer was expected',
  );

  it('one empty answer is asked for again, and what follows is believed', () => {
    const probe = ClientProbe.ready();
    for (const answer of [dataOf(), dataOf(1), dataOf(), statusOf(1), dataOf()])
      probe.answer(probe.ask(aRead(2)), answer);
    expect(probe.ended).toBeUndefined();
    expect(probe.answers).toHaveLength(5);
  });

  it('what was asked and not answered ends with the one cause', () => {
    const probe = ClientProbe.ready();
    probe.ask(aStat, 'a');
    probe.ask(aStat, 'b');
    probe.receive(hexBytes('00000000'));
    expect(probe.ended?.tokens).toEqual(['a', 'b']);
    const { cause } = probe.core;
    probe.core.fail(new Error('later') as never);
    probe.receive(hexBytes('00'));
    probe.core.inputEnded();
    probe.collect();
    expect(probe.core.cause).toBe(cause);
    expect(probe.events.filter(({ type }) => type === 'ended')).toHaveLength(1);
  });
});

describe('deadlines', () => {
  it('row 62: a request without an answer expires by itself, and a late answer is dropped', () => {
    const probe = ClientProbe.ready();
    const silent = probe.ask(aRead(4), 'silent');
    probe.pass(10_000);
    const other = probe.ask(aStat, 'other');
    probe.pass(5_000);
    expect(probe.events).toMatchObject([{ type: 'expired', token: 'silent', wait: { deadline: 15_000 } }]);
    probe.answer(silent, dataOf(1, 2));
    probe.answer(other, attrs);
    expect(probe.answers).toEqual([['other', 'attrs']]);
    expect(probe.ended).toBeUndefined();
    expect(probe.core.inFlight).toBe(0);
    expect(probe.waits.table.size).toBe(0);
  });

  it('a handle that comes when nobody wants it is closed', () => {
    const probe = ClientProbe.ready();
    const request = probe.ask({ kind: 'open', filename: pathBytes('/f'), pflags: 1, attrs: {} });
    probe.core.abandon(request);
    probe.output();
    probe.answer(request, handle);
    expect(probe.output()).toEqual(hexBytes('0000000b 04 00000001', lengthAnd('h1')));
    expect(probe.waits.table.list()).toMatchObject([{ detail: 'the answer to SSH_FXP_CLOSE 1' }]);
    probe.receive(encodeResponse(1, ok));
    expect(probe.events).toEqual([]);
    expect(probe.waits.table.size).toBe(0);
  });

  it('the answer to an abandoned request is owed still', () => {
    const probe = ClientProbe.ready();
    probe.core.abandon(probe.ask(aStat));
    expect(probe.waits.table.size).toBe(1);
    probe.pass(15_000);
    expect(probe.events).toEqual([]);
    expect(probe.waits.table.size).toBe(0);
    expect(probe.core.inFlight).toBe(1);
  });

  it('a quarter of all requests overdue ends the session, so that nothing waits for ever for a place', () => {
    const probe = ClientProbe.ready({ sftpRequests: 8 });
    for (let i = 0; i < 3; i++) probe.ask(aStat, `${i}`);
    probe.pass(15_000);
    expect(probe.ended).toMatchObject({ error: { code: 'ERR_SSH_TIMEOUT' }, tokens: ['2'] });
    expect(probe.events.filter(({ type }) => type === 'expired')).toHaveLength(2);
  });

  it('answers that come late after all count no more', () => {
    const probe = ClientProbe.ready({ sftpRequests: 8 });
    for (let i = 0; i < 5; i++) {
      const late = probe.ask(aStat);
      probe.pass(15_000);
      probe.answer(late, attrs);
    }
    expect(probe.ended).toBeUndefined();
  });
});

describe('OpenSSH PROTOCOL §4.1: SYMLINK', () => {
  it.each([
    ['SSH-2.0-OpenSSH_9.2', 'target'],
    ['SSH-2.0-AsyncSSH_2.24.0', 'link'],
    ['SSH-2.0-ssh2js1.17.0srv', 'link'],
    ['SSH-2.0-paramiko_3.4', 'target'],
    ['SSH-2.0-Fake AsyncSSH', 'target'],
  ])('%s takes the %s first', (identification, order) => {
    expect(symlinkOrderOf(identification)).toBe(order);
  });
});
