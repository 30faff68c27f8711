/** The order of a session's work: what waits for what, and that nothing waits for a request that was answered for. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyData } from '../../../src/sftp/packet/extensions.ts';
import { encodeRequest } from '../../../src/sftp/packet/frame.ts';
import type { SftpRequest } from '../../../src/sftp/packet/requests.ts';
import { type SftpHandlers, serveFiles } from '../../../src/sftp/serve/handlers.ts';
import { type Served, serve } from './support.ts';

const init = Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3);
const status = 101;
const data = 103;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const handle = Uint8Array.of(0, 0, 0, 1);
const otherHandle = Uint8Array.of(0, 0, 0, 2);
const attrs = {};
const open = (name: string, pflags: number): SftpRequest => ({
  kind: 'open',
  filename: bytes(name),
  pflags,
  attrs,
});
const forReading = 1;
const forWriting = 2;

const turns = async (count: number = 20): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

interface Asking extends Served {
  ask(id: number, body: SftpRequest): void;
  /** What was answered since the last call: type, id, and the code of a STATUS. */
  answers(): readonly (readonly [type: number, id: number, code: number | undefined])[];
}

async function begin(handlers: SftpHandlers): Promise<Asking> {
  const served = await serve(serveFiles(handlers));
  served.inbox.push(init);
  await turns();
  served.outbox.sent.length = 0;
  return {
    ...served,
    ask: (id, body) => served.inbox.push(encodeRequest(id, body)),
    answers: () => {
      const found: [number, number, number | undefined][] = [];
      const sent = Buffer.concat(served.outbox.sent.splice(0));
      for (let at = 0; at < sent.length; at += 4 + sent.readUInt32BE(at)) {
        const type = sent.readUInt8(at + 4);
        const code = type === status ? sent.readUInt32BE(at + 9) : undefined;
        found.push([type, sent.readUInt32BE(at + 5), code]);
      }
      return found;
    },
  };
}

const never = (): Promise<never> => new Promise(() => {});
const failed = (id: number) => [status, id, 4];
const done = (id: number) => [status, id, 0];

describe('READs of a handle', () => {
  it('that are done wait for one that is not, and for no longer than its deadline', async () => {
    const { ask, answers, pass, reports, waits } = await begin({
      open: () => ({ read: (length, at) => (at === 0 ? never() : new Uint8Array(length)) }),
    });
    ask(1, open('/f', forReading));
    await turns();
    answers();
    for (const id of [2, 3, 4]) ask(id, { kind: 'read', handle, offset: BigInt((id - 2) * 10), length: 10 });
    await turns();
    expect(answers()).toEqual([]);
    expect(waits.list()).toHaveLength(1);
    pass(15_000);
    await turns();
    expect(answers()).toEqual([failed(2), [data, 3, undefined], [data, 4, undefined]]);
    expect(reports).toHaveLength(1);
  });

  it('are answered in their order, whenever they are done and whether or not', async () => {
    const hangs = fc.constant('hang' as const);
    const ends = fc.record({ turn: fc.nat(20), how: fc.constantFrom('data', 'eof', 'throw') });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(hangs, ends), { minLength: 1, maxLength: 12 }), async (plans) => {
        const finishers = new Map<number, () => void>();
        const { ask, answers, pass, waits } = await begin({
          open: () => ({
            read: (length, at) =>
              new Promise((resolve, reject) => {
                const plan = plans[at];
                if (plan === undefined || plan === 'hang') return;
                finishers.set(at, () => {
                  if (plan.how === 'throw') reject(Object.assign(new Error('x'), { code: 'EIO' }));
                  else resolve(new Uint8Array(plan.how === 'data' ? length : 0));
                });
              }),
          }),
        });
        ask(1, open('/f', forReading));
        await turns(3);
        answers();
        for (const id of plans.keys()) ask(id, { kind: 'read', handle, offset: BigInt(id), length: 4 });
        await turns(3);
        const inTime = [...plans.entries()]
          .flatMap(([id, plan]) => (plan === 'hang' ? [] : [{ id, turn: plan.turn }]))
          .sort((a, b) => a.turn - b.turn);
        for (const { id } of inTime) {
          finishers.get(id)?.();
          await turns(2);
        }
        pass(15_000);
        await turns(3);
        const expected = plans.map((plan, id) => {
          if (plan === 'hang' || plan.how === 'throw') return failed(id);
          return plan.how === 'data' ? [data, id, undefined] : [status, id, 1];
        });
        expect(answers()).toEqual(expected);
        expect(waits.list()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a request that was answered for', () => {
  const path = bytes('/hang');
  const changes: readonly SftpRequest[] = [
    { kind: 'lstat', path },
    { kind: 'stat', path },
    { kind: 'setstat', path, attrs },
    { kind: 'opendir', path },
    { kind: 'remove', filename: path },
    { kind: 'mkdir', path, attrs },
    { kind: 'rmdir', path },
    { kind: 'realpath', path },
    { kind: 'rename', oldpath: path, newpath: bytes('/b') },
    { kind: 'readlink', path },
    { kind: 'symlink', first: bytes('a'), second: path },
    open('/hang', forReading),
    open('/hang', 0x1a),
  ];

  it.each(changes.map((request) => [request.kind, request] as const))(
    'holds up no other call on a path: %s',
    async (_kind, request) => {
      const hangAt =
        <T>(place: number, otherwise: () => T) =>
        (...given: readonly unknown[]) =>
          given[place] === '/hang' ? never() : otherwise();
      const { ask, answers, pass, session } = await begin({
        open: hangAt(0, () => ({})),
        readdir: hangAt(0, () => []),
        stat: hangAt(0, () => ({})),
        setAttributes: hangAt(0, () => {}),
        unlink: hangAt(0, () => {}),
        mkdir: hangAt(0, () => {}),
        rmdir: hangAt(0, () => {}),
        rename: hangAt(0, () => {}),
        readlink: hangAt(0, () => ''),
        symlink: hangAt(1, () => {}),
        realpath: hangAt(0, () => '/'),
      });
      ask(1, request);
      await turns();
      pass(10_000);
      ask(2, { kind: 'mkdir', path: bytes('/d'), attrs });
      ask(3, { kind: 'lstat', path: bytes('/d') });
      await turns();
      pass(5_000);
      await turns();
      expect(answers()).toEqual([failed(1), done(2), [105, 3, undefined]]);
      expect(session.snapshot(false).requests).toBe(0);
    },
  );

  const hold: readonly SftpRequest[] = [
    { kind: 'read', handle, offset: 0n, length: 4 },
    { kind: 'write', handle, offset: 0n, data: bytes('hang') },
    { kind: 'fstat', handle },
    { kind: 'fsetstat', handle, attrs },
    { kind: 'extended', extendedRequest: 'fsync@openssh.com', payload: Uint8Array.of(0, 0, 0, 4, ...handle) },
    {
      kind: 'extended',
      extendedRequest: 'copy-data',
      payload: copyData.toBytes({
        readFromHandle: otherHandle,
        readFromOffset: 0n,
        readDataLength: 0n,
        writeToHandle: handle,
        writeToOffset: 0n,
      }),
    },
  ];

  it.each(hold.map((request) => [request.kind, request] as const))(
    'holds up no other work on its file: %s',
    async (_kind, request) => {
      const written: string[] = [];
      const { ask, answers, pass } = await begin({
        open: () => ({
          read: never,
          write: (given) => {
            const text = Buffer.from(given).toString();
            if (text === 'hang') return never();
            written.push(text);
          },
          stat: never,
          setAttributes: never,
          sync: never,
        }),
      });
      for (const id of [1, 2]) ask(id, open(`/f${id}`, forReading | forWriting));
      await turns();
      answers();
      ask(3, request);
      await turns();
      pass(10_000);
      ask(4, { kind: 'write', handle, offset: 0n, data: bytes('next') });
      await turns();
      expect([written, answers()]).toEqual([[], []]);
      pass(5_000);
      await turns();
      expect([written, answers()]).toEqual([['next'], [failed(3), done(4)]]);
    },
  );

  it('while it waited for its turn is not carried out any more', async () => {
    const made: string[] = [];
    let finish: () => void = () => {};
    const { ask, answers, pass } = await begin({
      mkdir: (path) => {
        made.push(path);
        if (path === '/a')
          return new Promise((resolve) => {
            finish = resolve;
          });
      },
    });
    ask(1, { kind: 'mkdir', path: bytes('/a'), attrs });
    ask(2, { kind: 'mkdir', path: bytes('/b'), attrs });
    await turns();
    pass(15_000);
    await turns();
    expect(answers()).toEqual([failed(1), failed(2)]);
    finish();
    ask(3, { kind: 'mkdir', path: bytes('/c'), attrs });
    await turns();
    expect(answers()).toEqual([done(3)]);
    expect(made).toEqual(['/a', '/c']);
  });

  it('keeps its file open until its work has ended, also behind a CLOSE', async () => {
    let finish: () => void = () => {};
    let closed = 0;
    const { ask, answers, pass } = await begin({
      open: () => ({
        write: () =>
          new Promise((resolve) => {
            finish = resolve;
          }),
        close: () => void closed++,
      }),
    });
    ask(1, open('/f', forWriting));
    await turns();
    answers();
    ask(2, { kind: 'write', handle, offset: 0n, data: bytes('x') });
    await turns();
    pass(15_000);
    ask(3, { kind: 'close', handle });
    await turns();
    expect([closed, answers()]).toEqual([0, [failed(2)]]);
    finish();
    await turns();
    expect([closed, answers()]).toEqual([1, [done(3)]]);
  });

  it('copies no more where it was a copy', async () => {
    let reads = 0;
    let finish: () => void = () => {};
    const { ask, answers, pass } = await begin({
      open: () => ({
        read: (length) => {
          reads++;
          return new Promise((resolve) => {
            finish = () => resolve(new Uint8Array(length));
          });
        },
        write: () => {},
      }),
    });
    for (const id of [1, 2]) ask(id, open(`/f${id}`, forReading | forWriting));
    await turns();
    answers();
    ask(3, hold.at(-1) as SftpRequest);
    await turns();
    pass(15_000);
    await turns();
    expect(answers()).toEqual([failed(3)]);
    finish();
    await turns();
    expect(reads).toBe(1);
  });

  it('is none that goes on: a copy has time for each of its blocks', async () => {
    const steps: (() => void)[] = [];
    const { ask, answers, pass, reports } = await begin({
      open: () => ({
        read: (length, at) =>
          new Promise((resolve) => {
            steps.push(() => resolve(new Uint8Array(at < 4 * 262_144 ? length : 0)));
          }),
        write: () => {},
      }),
    });
    for (const id of [1, 2]) ask(id, open(`/f${id}`, forReading | forWriting));
    await turns();
    answers();
    ask(3, hold.at(-1) as SftpRequest);
    for (let block = 0; block < 5; block++) {
      await turns();
      pass(10_000);
      expect(answers()).toEqual([]);
      steps.shift()?.();
    }
    await turns();
    expect([answers(), reports]).toEqual([[done(3)], []]);
  });

  it('holds memory, and too much of that ends the session', async () => {
    const { ask, answers, pass, session, reports } = await begin({ open: () => ({ read: never }) });
    let isOver = false;
    void session.ended.then(() => {
      isOver = true;
    });
    ask(1, open('/f', forReading));
    await turns();
    answers();
    const found: unknown[] = [];
    let id = 2;
    while (!isOver && id < 100) {
      for (let i = 0; i < 4; i++) ask(id++, { kind: 'read', handle, offset: 0n, length: 255_000 });
      await turns();
      pass(15_000);
      await turns();
      found.push(...answers());
    }
    expect(await session.ended).toMatchObject({ code: 'ERR_SSH_TIMEOUT' });
    // Four MiB, and one READ more.
    expect(found).toEqual(Array.from({ length: 17 }, (_, i) => failed(2 + i)));
    expect(reports).toHaveLength(17);
  });

  it('that ends late holds no memory any more', async () => {
    const finishers: (() => void)[] = [];
    const { ask, answers, pass, session } = await begin({
      open: () => ({
        read: () => new Promise((resolve) => finishers.push(() => resolve(new Uint8Array(0)))),
        write: () => new Promise((resolve) => finishers.push(resolve)),
      }),
    });
    ask(1, open('/f', forReading | forWriting));
    await turns();
    answers();
    const block = new Uint8Array(250_000);
    for (let round = 0; round < 40; round++) {
      const isRead = round % 2 === 0;
      ask(
        2,
        isRead
          ? { kind: 'read', handle, offset: 0n, length: 255_000 }
          : { kind: 'write', handle, offset: 0n, data: block },
      );
      await turns(5);
      pass(15_000);
      await turns(5);
      for (const finish of finishers.splice(0)) finish();
      await turns(5);
      expect(answers()).toEqual([failed(2)]);
    }
    expect(session.snapshot(false)).toMatchObject({ requests: 0, bytesRead: 0, bytesWritten: 0 });
  });
});

describe('the CLOSE of a file', () => {
  const order = async (pflags: number): Promise<readonly string[]> => {
    const seen: string[] = [];
    let finish: () => void = () => {};
    const { ask } = await begin({
      open: () => ({
        close: () =>
          new Promise<void>((resolve) => {
            finish = resolve;
          }).then(() => void seen.push('closed')),
      }),
      rename: () => void seen.push('renamed'),
      stat: () => {
        seen.push('asked');
        return {};
      },
    });
    ask(1, open('/f', pflags));
    await turns();
    ask(2, { kind: 'close', handle });
    ask(3, { kind: 'rename', oldpath: bytes('/f'), newpath: bytes('/g') });
    ask(4, { kind: 'stat', path: bytes('/g') });
    await turns();
    finish();
    await turns();
    return seen;
  };

  it('that was written comes before the calls on paths behind it', async () => {
    expect(await order(forWriting)).toEqual(['closed', 'renamed', 'asked']);
  });

  it('that was read does not hold them up', async () => {
    expect(await order(forReading)).toEqual(['renamed', 'asked', 'closed']);
  });
});
