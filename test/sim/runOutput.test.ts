/** The output of a command: told as it comes, and on the error of a run that fails. In virtual time. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { RunOptions } from '../../src/client/callOptions.ts';
import type { ServerProcess } from '../../src/server/serverProcess.ts';
import { play, type Scene } from '../support/scene.ts';
import { clientCause } from './laws.ts';

type Exec = (process: ServerProcess, command: string) => Promise<number>;

/** Writes to both outputs and never ends by itself. */
const partial: Exec = (process) => {
  process.stdout.write('half a ');
  process.stderr.write('wor');
  return untilGivenUp(process);
};

function untilGivenUp(process: ServerProcess): Promise<number> {
  return new Promise((resolve) => {
    process.signal.addEventListener('abort', () => resolve(0));
  });
}

/** The error of a run that must fail. */
async function failureOf(
  exec: Exec,
  options: RunOptions | (RunOptions<Uint8Array> & { encoding: 'buffer' }),
  meanwhile?: (scene: Scene) => void,
): Promise<unknown> {
  let failure: unknown;
  await play(
    async (scene) => {
      meanwhile?.(scene);
      failure = await scene.client.run('anything', options as RunOptions).then(
        () => expect.unreachable(),
        (error: unknown) => error,
      );
    },
    { server: { exec } },
  );
  return failure;
}

/** A second from now, something happens to the connection. */
function soon(what: (scene: Scene) => unknown): (scene: Scene) => void {
  return (scene) => void scene.world.sleep(1000).then(() => what(scene));
}

describe('a run that fails has its output so far on the error', () => {
  const aborter = new AbortController();

  it.each<[string, RunOptions, ((scene: Scene) => void) | undefined, string]>([
    ['a timeout', { timeout: 1000 }, undefined, 'ERR_SSH_TIMEOUT'],
    ['an abort', { signal: aborter.signal }, soon(() => aborter.abort()), 'ERR_SSH_ABORTED'],
    [
      'a lost connection',
      {},
      soon(({ world }) => world.network.wires[0]?.client.broken()),
      'ERR_SSH_CONNECTION_LOST',
    ],
    ['a goodbye of the server', {}, soon(({ world }) => world.server?.close()), 'ERR_SSH_DISCONNECTED'],
    ['a close', {}, soon(({ client }) => client.close()), 'ERR_SSH_CLOSED'],
    ['a destroy', {}, soon(({ client }) => client.destroy()), 'ERR_SSH_CLOSED'],
  ])('after %s', async (_why, options, meanwhile, code) => {
    const error = await failureOf(partial, options, meanwhile);
    expect(error).toBeInstanceOf(SshError);
    expect(error).toMatchObject({ code, stdout: 'half a ', stderr: 'wor' });
  });

  it('after maxBuffer, cut at its very byte', async () => {
    const exec: Exec = async (process) => {
      process.stdout.write('0123456789');
      return untilGivenUp(process);
    };
    expect(await failureOf(exec, { maxBuffer: 7 })).toMatchObject({
      code: 'ERR_SSH_MAX_BUFFER',
      stdout: '0123456',
      stderr: '',
    });
    expect(await failureOf(exec, { maxBuffer: 0 })).toMatchObject({ code: 'ERR_SSH_MAX_BUFFER', stdout: '' });
  });

  it('in the encoding that was asked for', async () => {
    const exec: Exec = async (process) => {
      process.stdout.write(Uint8Array.of(0xc3, 0xbc, 0xff));
      return untilGivenUp(process);
    };
    expect(await failureOf(exec, { timeout: 1000 })).toMatchObject({ stdout: 'ü\ufffd', stderr: '' });
    expect(await failureOf(exec, { timeout: 1000, encoding: 'latin1' })).toMatchObject({ stdout: 'Ã¼ÿ' });
    expect(await failureOf(exec, { timeout: 1000, encoding: 'buffer' })).toMatchObject({
      stdout: Uint8Array.of(0xc3, 0xbc, 0xff),
      stderr: new Uint8Array(0),
    });
  });

  it('without the half of a character', async () => {
    const exec: Exec = async (process) => {
      process.stdout.write(Uint8Array.of(0x61, 0xe2, 0x98));
      return untilGivenUp(process);
    };
    expect(await failureOf(exec, { timeout: 1000 })).toMatchObject({ stdout: 'a' });
  });

  it('where nothing came as well', async () => {
    const text = await failureOf(untilGivenUp, { timeout: 1000 });
    expect(text).toMatchObject({ stdout: '', stderr: '' });
    const bytes = await failureOf(untilGivenUp, { timeout: 1000, encoding: 'buffer' });
    expect(bytes).toMatchObject({ stdout: new Uint8Array(0), stderr: new Uint8Array(0) });
  });

  it('and not where it is printed: there may be secrets in it', async () => {
    const error = await failureOf(partial, { timeout: 1000 });
    expect((error as SshError).stdout).toContain('half a');
    expect(inspect(error)).not.toContain('half a');
    expect(JSON.stringify(error)).not.toContain('half a');
    expect(Object.keys(error as object)).not.toContain('stdout');
  });

  it('but not where no command had begun', async () => {
    const error = await failureOf(partial, { signal: AbortSignal.abort() });
    expect(error).toMatchObject({ code: 'ERR_SSH_ABORTED' });
    expect((error as SshError).stdout).toBeUndefined();
  });

  it('each its own, though one cause ended them all', async () => {
    const results: unknown[] = [];
    const world = await play(
      async ({ client, world }) => {
        const runs = ['one', 'two', 'silent'].map((name) =>
          client.run(name).catch((error: unknown) => error),
        );
        const silent = client.run('silent', { encoding: 'buffer' }).catch((error: unknown) => error);
        await world.sleep(1000);
        world.network.wires[0]?.client.broken();
        results.push(...(await Promise.all([...runs, silent])));
      },
      {
        server: {
          exec: (process, command) => {
            if (command !== 'silent') process.stdout.write(command);
            return untilGivenUp(process);
          },
        },
      },
    );
    const cause = clientCause(world);
    const stack = expect.stringContaining('runOutput.test.ts');
    const lost = { code: 'ERR_SSH_CONNECTION_LOST', message: cause?.message, stack };
    expect(results).toMatchObject([
      { ...lost, stdout: 'one' },
      { ...lost, stdout: 'two' },
      { ...lost, stdout: '' },
      { ...lost, stdout: new Uint8Array(0) },
    ]);
    // A command without output has the very cause.
    expect(results[2]).toBe(cause);
  });
});

/** Bytes cut at any places. */
const cutBytes: fc.Arbitrary<readonly Uint8Array[]> = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 20 }),
    ),
    { maxLength: 6 },
  )
  .map((parts) => Buffer.concat(parts))
  .chain((all) =>
    fc.array(fc.nat(all.length), { maxLength: 5 }).map((cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), all.length];
      return places.slice(1).map((end, index) => new Uint8Array(all.subarray(places[index], end)));
    }),
  );

/** Writes the pieces one by one, each in a packet of its own. */
function writing(pieces: readonly Uint8Array[], stream: 'stdout' | 'stderr'): Exec {
  return async (process) => {
    for (const piece of pieces) {
      if (piece.length > 0) await new Promise((resolve) => process[stream].write(piece, resolve));
    }
    return 0;
  };
}

describe('onStdout and onStderr', () => {
  it('are told all of the output, whatever it is cut into, and no half characters', async () => {
    await fc.assert(
      fc.asyncProperty(
        cutBytes,
        fc.constantFrom('utf8', 'latin1', 'buffer'),
        fc.constantFrom('stdout', 'stderr'),
        fc.boolean(),
        async (pieces, encoding, stream, isAsync) => {
          const told: (string | Uint8Array)[] = [];
          const tell = (piece: string | Uint8Array): unknown => {
            told.push(piece);
            return isAsync ? Promise.resolve() : undefined;
          };
          const name = stream === 'stdout' ? 'onStdout' : 'onStderr';
          await play(
            async ({ client }) => {
              const result = await client.run('anything', { encoding, [name]: tell } as RunOptions);
              const joined =
                encoding === 'buffer' ? new Uint8Array(Buffer.concat(told as Uint8Array[])) : told.join('');
              expect(joined).toEqual(result[stream]);
            },
            { server: { exec: writing(pieces, stream) } },
          );
          expect(told.every((piece) => piece.length > 0)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are told while the command runs', async () => {
    const told: string[] = [];
    await play(
      async ({ client, world }) => {
        const running = client.run('anything', {
          timeout: 10_000,
          onStdout: (piece) => told.push(`out ${piece}`),
          onStderr: (piece) => told.push(`err ${piece}`),
        });
        running.catch(() => {});
        await world.sleep(1000);
        expect(told.sort()).toEqual(['err wor', 'out half a ']);
        await expect(running).rejects.toMatchObject({ code: 'ERR_SSH_TIMEOUT' });
      },
      { server: { exec: partial } },
    );
  });

  it('hold the command back while a promise of theirs is open, and are told one piece at a time', async () => {
    let open = 0;
    let most = 0;
    let told = 0;
    const length = 8 * 1024 * 1024;
    await play(
      async ({ client, world }) => {
        const { stdout } = await client.run('anything', {
          encoding: 'buffer',
          onStdout: async (piece) => {
            most = Math.max(most, ++open);
            told += piece.length;
            await world.sleep(10);
            open--;
          },
        });
        expect([stdout.length, told]).toEqual([length, length]);
      },
      {
        server: {
          exec: async (process) => {
            await new Promise((resolve) => process.stdout.write(new Uint8Array(length), resolve));
            return 0;
          },
        },
        connect: { limits: { windowSize: 64 * 1024, maximumWindowSize: 64 * 1024 } },
      },
    );
    expect(most).toBe(1);
  });

  it.each<[string, unknown]>([
    ['an error', new RangeError('of mine')],
    ['an SshError of another call', new SshError('ERR_SSH_CLOSED', 'another connection', { origin: 'user' })],
    ['a text', 'of mine'],
    ['nothing', undefined],
  ])('that throw %s end the command, and the run rejects with that as it is', async (_what, thrown) => {
    for (const how of ['throws', 'rejects']) {
      let calls = 0;
      let wasEnded = false;
      const onStdout = (): unknown => {
        calls++;
        if (how === 'throws') throw thrown;
        return Promise.reject(thrown);
      };
      const exec: Exec = async (process) => {
        process.signal.addEventListener('abort', () => {
          wasEnded = true;
        });
        process.stdout.write('one');
        await new Promise((resolve) => process.stderr.write('between', resolve));
        process.stdout.write('two');
        return untilGivenUp(process);
      };
      expect(await failureOf(exec, { onStdout })).toBe(thrown);
      expect([calls, wasEnded]).toEqual([1, true]);
      if (thrown instanceof SshError) expect(thrown.stdout).toBeUndefined();
    }
  });

  it('that fail leave the connection to the others', async () => {
    await play(
      async ({ client, world }) => {
        const failing = client.run('fails', {
          onStdout: () => {
            throw new Error('of mine');
          },
        });
        await expect(failing).rejects.toThrow('of mine');
        await world.call('other', () => client.run('works').then(({ code }) => code));
        expect(world.calls).toMatchObject([{ outcome: 'fulfilled', value: 0 }]);
      },
      { server: { exec: writing([Uint8Array.of(1)], 'stdout') } },
    );
  });

  it('are not told any more once the run is over', async () => {
    const told: string[] = [];
    let sleep = (_milliseconds: number): Promise<void> => Promise.resolve();
    const exec: Exec = async (process) => {
      for (const piece of ['a', 'b', 'c', 'd', 'e']) {
        process.stdout.write(piece);
        await sleep(400);
      }
      return 0;
    };
    await play(
      async ({ client, world }) => {
        sleep = (milliseconds) => world.sleep(milliseconds);
        const late = client.run('late', { timeout: 1000, onStdout: (piece) => told.push(piece) });
        await expect(late).rejects.toMatchObject({ code: 'ERR_SSH_TIMEOUT', stdout: 'abc' });
        await world.sleep(5000);
      },
      { server: { exec } },
    );
    expect(told).toEqual(['a', 'b', 'c']);
  });
});
