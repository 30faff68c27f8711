/** The parts of a session: errands, limits, what is put away, and the machine's bounds. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { nodeLocalFiles } from '../../src/node/files/localFiles.ts';
import { AnswerRules } from '../../src/sftp/protocol/answerRules.ts';
import { announcedExtensions } from '../../src/sftp/protocol/client.ts';
import { OutputQueue } from '../../src/sftp/protocol/output.ts';
import { Capabilities } from '../../src/sftp/session/capabilities.ts';
import { Errand, type Pending } from '../../src/sftp/session/errand.ts';
import { staysInside } from '../../src/sftp/transfer/links.ts';
import { ProgressMeter } from '../../src/sftp/transfer/pacing/progress.ts';
import { partName } from '../../src/sftp/transfer/partName.ts';
import { TransferCounts } from '../../src/sftp/transfer/result.ts';
import { hexBytes } from '../message/support.ts';
import { collectAllGarbage } from '../support/heap.ts';
import { openMemory } from './memory/channel.ts';
import { bytes } from './memory/server.ts';
import { aRead, ClientProbe, dataOf, handleBytes, ok, pathBytes } from './support.ts';
import { LocalFolder } from './transfer/support.ts';

const cause = new SshError('ERR_SSH_ABORTED', 'enough', { origin: 'user' });

describe('an errand', () => {
  it('calls back once when it is cancelled, at once where it has been, and nobody who took it back', () => {
    const errand = new Errand({ abandon: () => {} });
    const told: string[] = [];
    const note = (name: string) => (error: SshError) => {
      expect(error).toBe(cause);
      told.push(name);
    };
    errand.onCancel(note('first'));
    errand.onCancel(note('taken back'))();
    errand.cancel(cause);
    errand.cancel(new SshError('ERR_SSH_CLOSED', 'later', { origin: 'user' }));
    errand.onCancel(note('late'));
    expect(told).toEqual(['first', 'late']);
    expect(errand.cancelledBy).toBe(cause);
  });

  it('gives up and rejects what waits, and nothing that was answered', () => {
    const given: string[] = [];
    const pending = (name: string): Pending =>
      ({
        operation: { name, path: undefined },
        reject: (error: SshError) => given.push(`${name}: ${error.message}`),
      }) as unknown as Pending;
    const errand = new Errand({ abandon: ({ operation }) => given.push(`${operation.name} given up`) });
    const [answered, waits] = [pending('answered'), pending('waits')];
    errand.add(answered);
    errand.add(waits);
    errand.delete(answered);
    errand.cancel(cause);
    expect(given).toEqual(['waits given up', 'waits: enough']);
  });
});

describe('what a server can do', () => {
  const of = (extensions: readonly (readonly [string, string])[], server = {}, limits = {}): Capabilities =>
    new Capabilities(
      {
        kind: 'version',
        version: 3,
        extensions: extensions.map(([name, data]) => ({ name, data: bytes(data) })),
      },
      'SSH-2.0-OpenSSH_9.2',
      { ...defaultLimits, ...limits },
      server,
    );

  it('counts at the version that a name is known with alone', () => {
    const found = of([
      ['posix-rename@openssh.com', '1'],
      ['statvfs@openssh.com', '1'],
      ['copy-data', ''],
      ['unknown', '1'],
    ]);
    expect(found.has('posix-rename@openssh.com')).toBe(true);
    for (const name of ['statvfs@openssh.com', 'copy-data', 'fsync@openssh.com'] as const)
      expect(found.has(name)).toBe(false);
    expect([...found.extensions.keys()]).toContain('unknown');
  });

  it('CVE-2019-6109: is escaped, and cut', () => {
    const found = announcedExtensions({
      kind: 'version',
      version: 3,
      extensions: [{ name: 'a\x1b[2J', data: bytes(`\n${'x'.repeat(100)}`) }],
    });
    expect([...found]).toEqual([['a\\x1b[2J', `\\x0a${'x'.repeat(63)}`]]);
  });

  it('bounds packets, reads and writes by what both sides take, in whole pages where they are longer than one', () => {
    const length = fc.oneof(
      fc.constant(0n),
      fc.bigInt({ min: 1n, max: 600_000n }),
      fc.constant(2n ** 64n - 1n),
    );
    fc.assert(
      fc.property(
        length,
        length,
        length,
        fc.integer({ min: 34_000, max: 262_144 }),
        fc.option(fc.integer({ min: 1, max: 100_000 }), { nil: undefined }),
        (packet, read, write, own, blockLength) => {
          const limits = { ...defaultLimits, sftpPacketLength: own };
          const found = of([], { blockLength }, limits);
          found.learnLimits(
            { maxPacketLength: packet, maxReadLength: read, maxWriteLength: write, maxOpenHandles: 7n },
            limits,
          );
          const mostPacket = packet === 0n ? own : Math.min(Number(packet), own);
          expect(found.limits.packetLength).toBe(mostPacket);
          expect(found.limits.openHandles).toBe(7);
          for (const [told, used] of [
            [read, found.limits.readLength],
            [write, found.limits.writeLength],
          ] as const) {
            const most = Math.min(
              told === 0n ? 32_768 : Number(told),
              mostPacket - 281,
              blockLength ?? Number.POSITIVE_INFINITY,
            );
            expect(used).toBeGreaterThan(0);
            if (most >= 1) expect(used).toBeLessThanOrEqual(most);
            if (most > 4096) {
              expect(used % 4096).toBe(0);
              expect(most - used).toBeLessThan(4096);
            } else expect(used).toBe(Math.max(1, most));
          }
        },
      ),
    );
    const untold = of([]).limits;
    expect(untold).toEqual({
      packetLength: 262_144,
      readLength: 32_768,
      writeLength: 32_768,
      openHandles: undefined,
    });
  });
});

describe('the machine of the client', () => {
  it('row 60: refuses data that is longer than was asked for at its header, also where nobody waits for it', () => {
    for (const isAbandoned of [false, true]) {
      const probe = ClientProbe.ready();
      const request = probe.ask(aRead(2));
      if (isAbandoned) probe.core.abandon(request);
      probe.receive(hexBytes('0000000c 67 00000000 00000003'));
      expect(probe.ended?.error.message).toContain('3 bytes of data where 2 were asked for');
    }
    // As many as were asked for are taken, nobody waits or not.
    const probe = ClientProbe.ready();
    const request = probe.ask(aRead(2));
    probe.core.abandon(request);
    probe.answer(request, dataOf(1, 2));
    expect([probe.ended, probe.events.length, probe.core.inFlight]).toEqual([undefined, 0, 0]);
  });

  it('holds nothing of data that nobody waits for any more, wherever it was given up', () => {
    const probe = ClientProbe.ready();
    const request = probe.ask(aRead(6));
    probe.receive(hexBytes('0000000f 67 00000000 00000006 0102'));
    expect(request.pieces).toHaveLength(1);
    probe.core.abandon(request);
    probe.receive(hexBytes('0304'));
    expect(request.pieces).toEqual([]);
    probe.receive(hexBytes('0506'));
    expect([probe.events.length, probe.core.inFlight, probe.waits.table.size]).toEqual([0, 0, 0]);
    probe.answer(probe.ask({ kind: 'remove', filename: pathBytes('/f') }), ok);
    expect(probe.answers).toEqual([['a', 'status']]);
  });

  it('knows how many bytes a request asks for or carries', () => {
    const probe = ClientProbe.ready();
    const data = new Uint8Array(9);
    expect(probe.ask(aRead(7)).length).toBe(7);
    expect(probe.ask({ kind: 'write', handle: handleBytes, offset: 0n, data }).length).toBe(9);
    expect(probe.ask({ kind: 'stat', path: pathBytes('/f') }).length).toBe(0);
  });

  it('takes names as long as the limit, and empty answers that are not in a row', () => {
    const rules = new AnswerRules(3);
    const readdir = { kind: 'readdir', wanted: 'name', length: 0 } as const;
    const names = (...list: readonly string[]) =>
      ({
        kind: 'name',
        names: list.map((name) => ({ filename: bytes(name), longname: bytes(''), attrs: {} })),
      }) as const;
    rules.check(readdir, names('abc'));
    expect(() => rules.check(readdir, names('ok', 'abcd'))).toThrow('a name of 4 bytes where 3 are allowed');
    for (let i = 0; i < 3; i++) {
      rules.check(readdir, names());
      rules.check(readdir, names('a'));
    }
    rules.check(readdir, names());
    expect(() => rules.check(readdir, names())).toThrow('two empty answers in a row');
    // Only a READ is answered with data.
    expect(() => rules.checkDataLength(readdir, 0)).toThrow('SSH_FXP_DATA in answer to SSH_FXP_READDIR');
  });
});

describe('packets on their way out', () => {
  it('come out as they went in, in their order, whoever writes and takes when, and nothing of what was cleared', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), length: fc.nat({ max: 700 }) }),
      fc.record({ kind: fc.constant('push' as const), length: fc.nat({ max: 700 }) }),
      fc.record({ kind: fc.constant('take' as const), length: fc.constant(0) }),
      fc.record({ kind: fc.constant('clear' as const), length: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new OutputQueue();
        let count = 0;
        let expected: number[] = [];
        const taken: Uint8Array[] = [];
        const copies: number[][] = [];
        const take = (): boolean => {
          const part = queue.take();
          if (part === undefined) return false;
          expect([...part]).toEqual(expected.splice(0, part.length));
          taken.push(part);
          copies.push([...part]);
          return true;
        };
        for (const { kind, length } of steps) {
          const data = Uint8Array.from({ length }, () => count++ & 0xff);
          if (kind === 'take') take();
          else if (kind === 'clear') {
            queue.clear();
            expected = [];
          } else {
            if (kind === 'push') queue.push(data);
            else queue.write((writer) => void writer.bytes(data));
            expected.push(...data);
          }
          expect(queue.length).toBe(expected.length);
        }
        while (take());
        expect([queue.length, expected.length]).toEqual([0, 0]);
        // What was taken is written to no more.
        expect(taken.map((part) => [...part])).toEqual(copies);
      }),
    );
  });
});

describe('a call that is given up', () => {
  it('has put away what it had open before it rejects, within the close time', async () => {
    for (const isSlow of [false, true]) {
      const here = new LocalFolder();
      let close = (): void => {};
      let isClosing = false;
      const { sftp, files, channel } = await openMemory({
        answer: ({ kind }) => (kind === 'read' ? 'silence' : undefined),
        local: {
          ...nodeLocalFiles,
          openWriter: async (...given) => {
            const writer = await nodeLocalFiles.openWriter(...given);
            const usual = writer.close.bind(writer);
            writer.close = async () => {
              isClosing = true;
              await new Promise<void>((resolve) => {
                close = resolve;
              });
              await usual();
            };
            return writer;
          },
        },
      });
      files.file('/f', 'content');
      const aborter = new AbortController();
      let isDone = false;
      const outcome = sftp
        .get('/f', here.at('f'), { signal: aborter.signal })
        .catch((error: SshError) => error.code)
        .finally(() => {
          isDone = true;
        });
      await vi.waitUntil(() => Object.keys(here.tree()).length > 0);
      await channel.rest();
      aborter.abort();
      await vi.waitUntil(() => isClosing);
      await channel.rest();
      expect(isDone).toBe(false);
      expect(channel.waits.list().map(({ name, detail }) => [name, detail])).toContainEqual([
        'close',
        'get over SFTP to be put away',
      ]);
      if (isSlow) channel.pass(5_000);
      else close();
      expect(await outcome).toBe('ERR_SSH_ABORTED');
      close();
      channel.pass(60_000);
      await channel.rest();
      expect(channel.waits.list()).toEqual([]);
    }
  });

  it('puts nothing away where the session is over', async () => {
    const { sftp, channel, files } = await openMemory({
      answer: ({ kind }) => (kind === 'read' ? 'silence' : undefined),
    });
    files.file('/f', 'content');
    const outcome = sftp.readFile('/f', { timeout: 1000 }).catch((error: unknown) => error);
    await channel.rest();
    const lost = new SshError('ERR_SSH_CONNECTION_LOST', 'gone', { origin: 'network' });
    channel.break(lost);
    expect(await outcome).toBe(lost);
    expect(channel.waits.list()).toEqual([]);
  });
});

describe('an open file', () => {
  it('that nobody holds any more is closed, some time', async () => {
    const { sftp, files, server, channel } = await openMemory();
    files.file('/f', 'x');
    const forget = async (): Promise<void> => {
      await sftp.open('/f');
    };
    await forget();
    await channel.rest();
    expect(server.handles.size).toBe(1);
    await vi.waitUntil(
      () => {
        collectAllGarbage();
        return server.handles.size === 0;
      },
      { timeout: 20_000, interval: 20 },
    );
    expect(sftp.pendingRequests).toBe(0);
  }, 30_000);
});

describe('progress', () => {
  it('has no rate before time has passed, and no time left', () => {
    const told: unknown[] = [];
    const meter = new ProgressMeter(
      (progress) => told.push(progress),
      () => 0,
    );
    meter.found(10);
    meter.moved('/f', 4);
    meter.end();
    const expected = {
      path: '/f',
      transferred: 4,
      total: 10,
      files: 1,
      filesDone: 0,
      rate: 0,
      timeLeft: undefined,
    };
    expect(told).toEqual([expected, expected]);
  });

  it('never has less than nothing left, and tells each time at the earliest a tenth of a second later', () => {
    let now = 0;
    const told: { timeLeft: number | undefined; at: number }[] = [];
    const meter = new ProgressMeter(
      ({ timeLeft }) => told.push({ timeLeft, at: now }),
      () => now,
    );
    meter.found(100);
    for (; now < 1000; now += 30) meter.moved('/f', 50);
    expect(told.map(({ at }) => at)).toEqual([0, 120, 240, 360, 480, 600, 720, 840, 960]);
    expect(told.at(-1)?.timeLeft).toBe(0);
  });

  it('takes its rate over three seconds', () => {
    let now = 0;
    let rate = 0;
    const meter = new ProgressMeter(
      (progress) => ({ rate } = progress),
      () => now,
    );
    for (; now < 5000; now += 50) meter.moved('/f', 50);
    expect(rate).toBeGreaterThan(900);
    for (; now < 6500; now += 50) meter.moved('/f', 0);
    // Half of what counts had a rate.
    expect(rate).toBeGreaterThan(350);
    expect(rate).toBeLessThan(650);
    for (; now < 9000; now += 50) meter.moved('/f', 0);
    expect(rate).toBe(0);
  });
});

describe('the result of a transfer', () => {
  it('lists a thousand of each, and counts them all', () => {
    const counts = new TransferCounts();
    for (let i = 0; i < 1200; i++) {
      counts.skip(`s${i}`, 'why');
      counts.fail(`f${i}`, cause);
      counts.warn(`w${i}`, 'what');
    }
    const result = counts.result(5);
    expect([result.skippedCount, result.failedCount, result.duration]).toEqual([1200, 1200, 5]);
    for (const list of [result.skipped, result.failed, result.warnings]) expect(list).toHaveLength(1000);
    expect(result.skipped.at(-1)).toEqual({ path: 's999', reason: 'why' });
    expect(result.failed.at(-1)).toEqual({ path: 'f999', error: cause });
    expect(result.warnings.at(-1)).toEqual({ path: 'w999', message: 'what' });
  });
});

describe('names and links', () => {
  it('of parts fit into 255 bytes, and begin and end as they do', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 255 }),
        fc.constantFrom('', 'a1b2'),
        (name, unique) => {
          const found = Buffer.from(partName(name, unique)).toString('latin1');
          expect(found.length).toBeLessThanOrEqual(255);
          const end = unique === '' ? '.deadline-part' : `.${unique}.deadline-part`;
          expect(found.startsWith('.') && found.endsWith(end)).toBe(true);
          const whole = `.${Buffer.from(name).toString('latin1')}${end}`;
          if (whole.length <= 255) expect(found).toBe(whole);
          else expect(found.length).toBe(255);
        },
      ),
    );
  });

  it('stay inside where no step of theirs leaves the tree', () => {
    const parts = fc.array(fc.constantFrom('..', '.', '', 'a', 'b c'), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(parts, fc.nat({ max: 4 }), fc.constantFrom('/', '\\'), (list, depth, separator) => {
        const target = list.join(separator);
        let level = depth;
        let isInside = target !== '' && !target.startsWith(separator);
        for (const part of list) {
          level += part === '..' ? -1 : part === '' || part === '.' ? 0 : 1;
          isInside &&= level >= 0;
        }
        expect(staysInside(bytes(target), depth)).toBe(isInside);
      }),
    );
  });
});
