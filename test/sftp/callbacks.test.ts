/** What the caller's own functions, iterables and streams do: whatever it is, it fails the call and nothing else. */
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { type MemorySession, openMemory } from './memory/channel.ts';
import { text } from './memory/server.ts';
import { statusOf } from './support.ts';
import { LocalFolder } from './transfer/support.ts';

type Fault = () => never | Promise<never>;

interface Bounds {
  readonly signal?: AbortSignal | undefined;
}

interface Case {
  /** A call during which the function runs; `bounds` go into its options. */
  readonly run: (session: MemorySession, here: LocalFolder, own: Fault, bounds: Bounds) => Promise<unknown>;
  /** The call waits for what the function gives. */
  readonly isAsked: boolean;
}

/** A walk that comes upon a folder which the server refuses to list. */
async function walk({ sftp }: MemorySession, onError: Fault, bounds: Bounds): Promise<void> {
  for await (const _ of sftp.walk('/shut', { onError, ...bounds }));
}

async function* unsteady(own: Fault): AsyncGenerator<string> {
  yield 'a piece';
  await own();
}

const unsteadyStream = (own: Fault): Writable =>
  new Writable({
    write: (_chunk, _encoding, done) => {
      // A stream calls back; what its author throws is an error of the stream.
      new Promise((resolve) => resolve(own())).then(() => done(), done);
    },
  });

const cases: Readonly<Record<string, Case>> = {
  'onProgress of get': {
    isAsked: false,
    run: ({ sftp }, here, onProgress, bounds) => sftp.get('/f', here.at('f'), { onProgress, ...bounds }),
  },
  'onProgress of put': {
    isAsked: false,
    run: ({ sftp }, here, onProgress, bounds) =>
      sftp.put(here.file('f', 'x'), '/g', { onProgress, ...bounds }),
  },
  'filter of get': {
    isAsked: true,
    run: ({ sftp }, here, filter, bounds) =>
      sftp.get('/d', here.at('d'), { recursive: true, filter, ...bounds }),
  },
  'filter of put': {
    isAsked: true,
    run: ({ sftp }, here, filter, bounds) => {
      here.file('t/a', 'x');
      return sftp.put(here.at('t'), '/t', { recursive: true, filter, ...bounds });
    },
  },
  'filter of sync': {
    isAsked: true,
    run: ({ sftp }, here, filter, bounds) => {
      here.file('t/a', 'x');
      return sftp.sync(here.at('t'), '/t', { direction: 'up', filter, ...bounds });
    },
  },
  'onError of get': {
    isAsked: true,
    run: ({ sftp }, here, onError, bounds) => sftp.get('/none', here.at('f'), { onError, ...bounds }),
  },
  'onError of get, about a folder': {
    isAsked: true,
    run: ({ sftp }, here, onError, bounds) =>
      sftp.get('/shut', here.at('d'), { recursive: true, onError, ...bounds }),
  },
  'onError of put': {
    isAsked: true,
    run: ({ sftp }, here, onError, bounds) => sftp.put(here.at('none'), '/g', { onError, ...bounds }),
  },
  'onError of sync': {
    isAsked: true,
    run: ({ sftp }, here, onError, bounds) => {
      here.file('t/a', 'x');
      return sftp.sync(here.at('t'), '/full', { direction: 'up', onError, ...bounds });
    },
  },
  'onError of walk': { isAsked: true, run: (session, _here, own, bounds) => walk(session, own, bounds) },
  'onStep of sync': {
    isAsked: false,
    run: ({ sftp }, here, onStep, bounds) => {
      here.file('t/a', 'x');
      return sftp.sync(here.at('t'), '/t', { direction: 'up', onStep, ...bounds });
    },
  },
  'content of writeFile': {
    isAsked: true,
    run: ({ sftp }, _here, own, bounds) => sftp.writeFile('/g', unsteady(own), bounds),
  },
  'content of an open file': {
    isAsked: true,
    run: async ({ sftp }, _here, own, bounds) => {
      await using file = await sftp.open('/g', 'w');
      await file.writeFile(unsteady(own), bounds);
    },
  },
  'source of put': {
    isAsked: true,
    run: ({ sftp }, _here, own, bounds) => sftp.put(unsteady(own), '/g', bounds),
  },
  'stream of get': {
    isAsked: true,
    run: ({ sftp }, _here, own, bounds) => sftp.get('/f', unsteadyStream(own), bounds),
  },
};

async function withFiles(): Promise<MemorySession> {
  const session = await openMemory({
    answer: (request) => {
      const { kind } = request;
      const path = kind === 'open' ? text(request.filename) : kind === 'opendir' ? text(request.path) : '';
      if (kind === 'opendir' && path === '/shut/in') return statusOf(3);
      // Nothing can be made in it.
      return kind === 'open' && path.startsWith('/full/') ? statusOf(4) : undefined;
    },
  });
  session.files.file('/f', 'content');
  session.files.file('/d/in', 'x');
  session.files.folder('/shut/in');
  session.files.folder('/full');
  return session;
}

/** What a call rejects with, whatever it is. */
async function rejectionOf(call: Promise<unknown>): Promise<{ readonly value: unknown }> {
  try {
    await call;
  } catch (value) {
    return { value };
  }
  throw new Error('the call went well');
}

/** The session is of use, and has nothing open. */
async function expectWhole({ sftp, server, channel }: MemorySession): Promise<void> {
  expect((await sftp.stat('/f')).isFile()).toBe(true);
  await channel.rest();
  expect(server.handles.size).toBe(0);
  expect(sftp.pendingRequests).toBe(0);
  expect(channel.waits.list()).toEqual([]);
}

const values: Readonly<Record<string, unknown>> = {
  'an error': new RangeError('the user’s own'),
  'an error of this library': new SshError('ERR_SSH_TIMEOUT', 'from elsewhere', { origin: 'user' }),
  'a frozen error': Object.freeze(new SshError('ERR_SSH_CLOSED', 'frozen', { origin: 'user' })),
};

/** A stream of Node says `undefined` for no error. */
const bareValues: Readonly<Record<string, unknown>> = { undefined: undefined, 'a string': 'no' };

describe.each(Object.entries(cases))('%s', (name, { run, isAsked }) => {
  const all = Object.entries(name === 'stream of get' ? values : { ...values, ...bareValues });

  it.each(all)('that throws %s fails the call with that', async (_what, value) => {
    const session = await withFiles();
    const here = new LocalFolder();
    const own = (): never => {
      throw value;
    };
    expect((await rejectionOf(run(session, here, own, {}))).value).toBe(value);
    await expectWhole(session);
  });

  it.each(all)('whose promise rejects with %s fails the call with that', async (_what, value) => {
    const session = await withFiles();
    const here = new LocalFolder();
    const call = run(session, here, () => Promise.reject(value), {});
    expect((await rejectionOf(call)).value).toBe(value);
    await expectWhole(session);
  });

  it('whose promise never settles ends with the call', async () => {
    const session = await withFiles();
    const here = new LocalFolder();
    const abort = new AbortController();
    let reach = (): void => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const own = (): Promise<never> => {
      reach();
      return new Promise(() => {});
    };
    const call = run(session, here, own, { signal: abort.signal });
    if (!isAsked) await call;
    else {
      call.catch(() => {});
      await reached;
      abort.abort();
      expect((await rejectionOf(call)).value).toMatchObject({ code: 'ERR_SSH_ABORTED' });
    }
    await expectWhole(session);
  });

  it('whose promise never settles ends with the session', async () => {
    const session = await withFiles();
    const here = new LocalFolder();
    let reach = (): void => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const own = (): Promise<never> => {
      reach();
      return new Promise(() => {});
    };
    const call = run(session, here, own, {});
    call.catch(() => {});
    await reached;
    await session.sftp.close();
    const outcome = await call.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (isAsked) expect(outcome).toMatchObject({ code: 'ERR_SSH_CLOSED' });
    expect(session.channel.waits.list()).toEqual([]);
  });
});

describe('the answers of functions that take their time', () => {
  it('decide as those of others do', async () => {
    const session = await withFiles();
    const here = new LocalFolder();
    const later = async <T>(value: T): Promise<T> => {
      await new Promise((resolve) => setImmediate(resolve));
      return value;
    };
    session.files.file('/d/out', 'y');
    const filtered = await session.sftp.get('/d', here.at('d'), {
      recursive: true,
      filter: (path) => later(!path.endsWith('out')),
    });
    expect(here.tree('d')).toEqual({ in: 'x' });
    expect(filtered.skippedCount).toBe(1);
    const passed = await session.sftp.get('/shut', here.at('shut'), {
      recursive: true,
      onError: () => later('skip' as const),
    });
    expect(passed.failed.map(({ path }) => path)).toEqual(['/shut/in']);
  });
});

describe('the error of an iteration or a stream', () => {
  it('leads to the line where it was begun, and names the host', async () => {
    const { sftp } = await withFiles();
    const found: unknown[] = [];
    const note = (error: unknown): unknown => found.push(error);
    for (const begin of [
      async () => {
        for await (const _ of sftp.walk('/none'));
      },
      async () => {
        for await (const _ of sftp.opendir('/none'));
      },
      async () => {
        for await (const _ of sftp.createReadStream('/none'));
      },
      () => new Promise((_, reject) => sftp.createWriteStream('/none/f').on('error', reject).end('x')),
      async () => {
        for await (const _ of sftp.glob('/shut/in/*'));
      },
    ])
      await begin().catch(note);
    expect(found).toHaveLength(5);
    for (const error of found) {
      expect(error).toMatchObject({ host: 'memory', port: 22 });
      expect((error as Error).stack).toContain('callbacks.test.ts');
    }
  });
});
