/** The input of a command, and its end together with the command's, in virtual time. */
import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import type { RunOptions } from '../../src/client/callOptions.ts';
import type { RunInput } from '../../src/client/command/commandInput.ts';
import { channelEof } from '../../src/message/channel.ts';
import { channelRequest } from '../../src/message/channelRequest.ts';
import type { ServerProcess } from '../../src/server/serverProcess.ts';
import { play, type Scene } from '../support/scene.ts';

type Exec = (process: ServerProcess, command: string) => Promise<number>;

/** Says a line and ends. */
const brief: Exec = async (process) => {
  process.stdout.write('done');
  return 0;
};

/** Never ends by itself. */
const endless: Exec = (process) =>
  new Promise((resolve) => {
    process.signal.addEventListener('abort', () => resolve(0));
  });

/** What a test sees of an input that it made. */
interface Watched {
  returns: number;
  asked: number;
}

/** One piece, and then nothing for ever, with a way to end that misbehaves as asked. */
function idle(
  watched: Watched,
  onReturn: () => unknown = () => ({ done: true, value: undefined }),
): RunInput {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        watched.asked++;
        if (watched.asked === 1) return Promise.resolve({ done: false, value: 'first' });
        return new Promise<never>(() => {});
      },
      return: () => {
        watched.returns++;
        return onReturn() as Promise<IteratorResult<string>>;
      },
    }),
  };
}

interface Story {
  readonly exec: Exec;
  readonly options?: RunOptions;
  readonly meanwhile?: (scene: Scene) => void;
}

/** Runs one command with an input; what came of it and how long it took. */
async function runWith(input: RunInput | undefined, { exec, options = {}, meanwhile }: Story) {
  let outcome: unknown;
  let elapsed = Number.NaN;
  await play(
    async (scene) => {
      const { client, world } = scene;
      const begun = world.clock.now();
      const running = client.run('anything', { ...options, input }).then(
        ({ code, stdout }) => ({ code, stdout }),
        (error: unknown) => error,
      );
      meanwhile?.(scene);
      outcome = await running;
      elapsed = world.clock.now() - begun;
    },
    { server: { exec } },
  );
  return { outcome, elapsed };
}

const success = { code: 0, stdout: 'done' };

/** What the server says of the first channel. */
const eof = (scene: Scene): void => scene.say(channelEof, { recipientChannel: 0 });
const requestOf =
  (requestType: string, value: number) =>
  (scene: Scene): void =>
    scene.say(channelRequest, {
      recipientChannel: 0,
      requestType,
      wantReply: false,
      requestData: Uint8Array.of(0, 0, 0, value),
    });

describe('a command that ends before its input', () => {
  it('ends an iterable that stays idle: `return` is called, the result is its own', async () => {
    const watched: Watched = { returns: 0, asked: 0 };
    const { outcome, elapsed } = await runWith(idle(watched), { exec: brief });
    expect(outcome).toEqual(success);
    expect(watched).toEqual({ returns: 1, asked: 2 });
    expect(elapsed).toBeLessThan(1000);
  });

  it.each<[string, () => unknown]>([
    ['hangs', () => new Promise(() => {})],
    ['rejects', () => Promise.reject(new Error('on return'))],
    [
      'throws',
      () => {
        throw new Error('on return');
      },
    ],
    ['gives nothing', () => undefined],
  ])('has its own result though `return` %s', async (_how, onReturn) => {
    const watched: Watched = { returns: 0, asked: 0 };
    const { outcome } = await runWith(idle(watched, onReturn), { exec: brief });
    expect([outcome, watched.returns]).toEqual([success, 1]);
  });

  it('ends an iterable that has no `return`', async () => {
    const input: RunInput = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    expect((await runWith(input, { exec: brief })).outcome).toEqual(success);
  });

  it('ends a generator once it goes on', async () => {
    let goOn = (): void => {};
    let ended = false;
    async function* pieces(): AsyncGenerator<string> {
      try {
        yield 'first';
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        yield 'too late';
      } finally {
        ended = true;
      }
    }
    const generator = pieces();
    expect((await runWith(generator, { exec: brief })).outcome).toEqual(success);
    goOn();
    await expect(generator.next()).resolves.toMatchObject({ done: true });
    expect(ended).toBe(true);
  });

  it('hears nothing of an input that fails later', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    let fail: (error: Error) => void = () => {};
    const input: RunInput = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise<never>((_resolve, reject) => {
            fail = reject;
          }),
      }),
    };
    expect((await runWith(input, { exec: brief })).outcome).toEqual(success);
    fail(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('destroys a stream of Node that says nothing more', async () => {
    const stream = new PassThrough();
    stream.write('first');
    const faults: Error[] = [];
    stream.on('error', (error) => faults.push(error));
    expect((await runWith(stream, { exec: brief })).outcome).toEqual(success);
    expect([stream.destroyed, faults]).toEqual([true, []]);
  });

  it('cancels a stream of the Web that says nothing more', async () => {
    let cancelled = 0;
    const stream = new ReadableStream<string>({
      start: (controller) => controller.enqueue('first'),
      cancel: () => {
        cancelled++;
      },
    });
    expect((await runWith(stream as unknown as RunInput, { exec: brief })).outcome).toEqual(success);
    expect(cancelled).toBe(1);
  });

  it('ends it when the process has ended, though others hold its output open', async () => {
    const watched: Watched = { returns: 0, asked: 0 };
    const returns: number[] = [];
    const { outcome } = await runWith(idle(watched), {
      exec: async (remote) => {
        remote.stdout.write('do');
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        remote.stdout.write('ne');
        return 0;
      },
      meanwhile: (scene) => {
        void (async () => {
          await scene.world.sleep(1000);
          const [channel] = scene.channels;
          const request = {
            recipientChannel: channel?.remoteId ?? 0,
            requestType: 'exit-status',
            wantReply: false,
          };
          scene.say(channelRequest, { ...request, requestData: Uint8Array.of(0, 0, 0, 7) });
          await scene.world.sleep(1000);
          returns.push(watched.returns);
          goOn();
        })();
      },
    });
    expect(returns).toEqual([1]);
    expect(outcome).toEqual({ code: 0, stdout: 'done' });
  });

  it.each([
    ['its end', [requestOf('exit-status', 7), eof]],
    ['the end of its output', [eof, requestOf('exit-status', 7)]],
  ] as const)(
    'is over once both ends are told, %s first, though nobody closes the channel',
    async (_what, said) => {
      const watched: Watched = { returns: 0, asked: 0 };
      const { outcome, elapsed } = await runWith(idle(watched), {
        exec: endless,
        meanwhile: (scene) => {
          void scene.world.sleep(1000).then(() => {
            for (const say of said) say(scene);
          });
        },
      });
      expect(outcome).toEqual({ code: 7, stdout: '' });
      expect(watched.returns).toBe(1);
      expect(elapsed).toBeLessThan(2000);
    },
  );

  it('ends it though a listener of its output is still at work', async () => {
    const watched: Watched = { returns: 0, asked: 0 };
    const returns: number[] = [];
    const { outcome } = await runWith(idle(watched), {
      exec: brief,
      options: {
        onStdout: async () => {
          for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
          returns.push(watched.returns);
        },
      },
      // The server ends it without a status.
      meanwhile: (scene) => scene.mute(98),
    });
    expect(outcome).toEqual({ code: undefined, stdout: 'done' });
    expect(returns).toEqual([1]);
  });

  it('is not waited for longer than `timeouts.close` once output and process have ended', async () => {
    const watched: Watched = { returns: 0, asked: 0 };
    const { outcome, elapsed } = await runWith(idle(watched), {
      exec: brief,
      // The server's CLOSE is lost.
      meanwhile: (scene) => scene.mute(97),
    });
    expect(outcome).toEqual(success);
    expect(watched.returns).toBe(1);
    expect(elapsed).toBeGreaterThanOrEqual(5_000);
    expect(elapsed).toBeLessThan(6_000);
  });
});

let goOn = (): void => {};

describe('a command that is given up', () => {
  const aborter = new AbortController();
  it.each<[string, Omit<Story, 'exec'>, string]>([
    ['its timeout', { options: { timeout: 1000 } }, 'ERR_SSH_TIMEOUT'],
    [
      'an abort',
      {
        options: { signal: aborter.signal },
        meanwhile: ({ world }) => void world.sleep(500).then(() => aborter.abort()),
      },
      'ERR_SSH_ABORTED',
    ],
    [
      'a lost connection',
      { meanwhile: ({ world }) => void world.sleep(500).then(() => world.network.wires[0]?.client.broken()) },
      'ERR_SSH_CONNECTION_LOST',
    ],
    [
      'a close',
      { meanwhile: ({ world, client }) => void world.sleep(500).then(() => client.close()) },
      'ERR_SSH_CLOSED',
    ],
  ])('by %s ends its input', async (_why, story, code) => {
    const watched: Watched = { returns: 0, asked: 0 };
    const { outcome } = await runWith(idle(watched), { exec: endless, ...story });
    expect(outcome).toMatchObject({ code });
    expect(watched.returns).toBe(1);
  });

  it('before it has begun leaves the input alone', async () => {
    const watched: Watched = { returns: 0, asked: 0 };
    const stream = new PassThrough();
    for (const input of [idle(watched), stream]) {
      const { outcome } = await runWith(input, { exec: endless, options: { signal: AbortSignal.abort() } });
      expect(outcome).toMatchObject({ code: 'ERR_SSH_ABORTED' });
    }
    expect(watched).toEqual({ returns: 0, asked: 0 });
    expect(stream.destroyed).toBe(false);
  });
});

describe('an input that fails', () => {
  it.each<[string, unknown]>([
    ['an error', new TypeError('no more')],
    ['a text', 'no more'],
    ['nothing at all', undefined],
  ])('with %s rejects with that as it is, and the command is ended', async (_what, thrown) => {
    let wasEnded = false;
    async function* pieces(): AsyncGenerator<string> {
      yield 'first';
      throw thrown;
    }
    const { outcome } = await runWith(pieces(), {
      exec: (remote) =>
        new Promise((resolve) => {
          remote.signal.addEventListener('abort', () => {
            wasEnded = true;
            resolve(0);
          });
        }),
    });
    expect(outcome).toBe(thrown);
    expect(wasEnded).toBe(true);
  });

  it('by a stream rejects with the error of the stream', async () => {
    const fault = new Error('the disk is gone');
    const stream = new Readable({ read: () => stream.destroy(fault) });
    expect((await runWith(stream, { exec: endless })).outcome).toBe(fault);
  });

  it.each<[string, unknown, string]>([
    ['a number', 7, 'a piece of it is 7'],
    ['an object', { a: 1 }, 'a piece of it is an object'],
    ['other bytes', new Uint16Array(2), 'a piece of it is a Uint16Array'],
    ['nothing', undefined, 'a piece of it is undefined'],
  ])('by %s among its pieces is told what came, and is ended', async (_what, piece, words) => {
    let ended = false;
    async function* pieces(): AsyncGenerator<string> {
      try {
        yield piece as string;
      } finally {
        ended = true;
      }
    }
    const { outcome } = await runWith(pieces(), { exec: endless });
    expect(outcome).toMatchObject({ code: 'ERR_SSH_OPTIONS', origin: 'user' });
    expect((outcome as SshError).message).toContain(words);
    expect(ended).toBe(true);
  });
});

describe('an input that is read to its end', () => {
  const echo: Exec = async (remote) => {
    for await (const chunk of remote.stdin) remote.stdout.write(chunk);
    return 0;
  };

  it('arrives piece by piece, whatever gives it', async () => {
    const piece = fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array({ maxLength: 100 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 8 }),
        fc.constantFrom('list', 'pieces', 'stream'),
        async (all, way) => {
          const expected = Buffer.concat(all.map((one) => Buffer.from(one as string)));
          async function* pieces(): AsyncGenerator<string | Uint8Array> {
            yield* all;
          }
          const input = way === 'list' ? all : way === 'pieces' ? pieces() : Readable.from(pieces());
          let received: Uint8Array | undefined;
          await play(
            async ({ client }) => {
              received = (await client.run('echo', { input, encoding: 'buffer' })).stdout;
            },
            { server: { exec: echo } },
          );
          expect(Buffer.compare(received ?? new Uint8Array(1), expected)).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('may be a list of promises, as in a loop', async () => {
    const input = [Promise.resolve('a'), 'b'] as unknown as RunInput;
    expect((await runWith(input, { exec: echo })).outcome).toEqual({ code: 0, stdout: 'ab' });
  });
});
