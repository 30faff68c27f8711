/** The collecting of two streams: one bound, one fault, and nobody told behind it. */
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../src/base/bytes.ts';
import type { SshError } from '../../src/base/errors.ts';
import { type CollectorOptions, OutputCollector } from '../../src/client/command/commandOutput.ts';
import { rejectionOf } from '../../src/endpoint/calls/userCode.ts';
import type { ByteSource, SourceListener } from '../../src/endpoint/streams.ts';

/** A stream whose pieces come when the test says so. */
class Source implements ByteSource {
  private readonly pieces: Uint8Array[] = [];
  private listener: SourceListener | undefined;

  listen(listener: SourceListener): void {
    this.listener = listener;
  }

  take(): Uint8Array | undefined {
    return this.pieces.shift();
  }

  cancel(): void {}

  say(text: string): void {
    this.pieces.push(utf8Encode(text));
    this.listener?.readable();
  }

  end(): void {
    this.listener?.ended();
  }

  fail(error: Error): void {
    this.listener?.failed(error);
  }
}

interface Collected {
  readonly out: Source;
  readonly err: Source;
  readonly output: OutputCollector;
  readonly told: string[];
  /** What became of it; undefined until then. */
  readonly outcome: () => unknown;
}

function collecting(options: Partial<CollectorOptions> = {}): Collected {
  const [out, err, told] = [new Source(), new Source(), [] as string[]];
  const output = new OutputCollector(out, err, {
    encoding: 'utf8',
    maxBuffer: 1000,
    onStdout: (piece) => void told.push(`out ${piece}`),
    onStderr: (piece) => void told.push(`err ${piece}`),
    ...options,
  });
  let outcome: unknown;
  output.collect().then(
    () => {
      outcome = 'collected';
    },
    (error: unknown) => {
      outcome = rejectionOf(error);
    },
  );
  return { out, err, output, told, outcome: () => outcome };
}

/** Resolves when promises that are settled have been heard. */
function soon(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('two streams', () => {
  it('are collected when both have ended', async () => {
    const { out, err, output, told, outcome } = collecting();
    out.say('a');
    err.say('b');
    out.end();
    await soon();
    expect(outcome()).toBeUndefined();
    err.end();
    await soon();
    expect([outcome(), output.whole(), told]).toEqual([
      'collected',
      { stdout: 'a', stderr: 'b' },
      ['out a', 'err b'],
    ]);
  });

  it('have one bound together', async () => {
    const { out, err, output, outcome } = collecting({ maxBuffer: 5 });
    out.say('abc');
    err.say('de');
    await soon();
    expect(outcome()).toBeUndefined();
    out.say('f');
    await soon();
    expect((outcome() as SshError).code).toBe('ERR_SSH_MAX_BUFFER');
    expect(output.soFar()).toEqual({ stdout: 'abc', stderr: 'de' });
  });

  it('are told to nobody behind the fault of either, not even in the same turn', async () => {
    const fault = new Error('of mine');
    const { out, err, told, outcome } = collecting({
      onStdout: () => {
        throw fault;
      },
    });
    err.say('before');
    out.say('x');
    err.say('behind');
    out.say('y');
    await soon();
    expect([outcome(), told]).toEqual([fault, ['err before']]);
  });

  it('are told to nobody once they are stopped, whatever was waited for', async () => {
    let goOn = (): void => {};
    const { out, err, output, told, outcome } = collecting({
      onStdout: (piece) => {
        told.push(`out ${piece}`);
        return new Promise<void>((resolve) => {
          goOn = resolve;
        });
      },
    });
    out.say('one');
    out.say('two');
    output.stop();
    goOn();
    err.say('late');
    out.end();
    err.end();
    await soon();
    expect([told, outcome()]).toEqual([['out one'], undefined]);
  });

  it("that break are the caller's up to there, though their listeners have no time for it", async () => {
    const lost = new Error('lost');
    const told: string[] = [];
    const tell = (piece: string | Uint8Array): Promise<void> => {
      told.push(String(piece));
      return new Promise(() => {});
    };
    const { out, err, output, outcome } = collecting({ onStdout: tell, onStderr: tell });
    for (const piece of ['one ', 'two']) out.say(piece);
    for (const piece of ['three ', 'four']) err.say(piece);
    for (const source of [out, err]) source.fail(lost);
    await soon();
    expect([outcome(), output.soFar()]).toEqual([lost, { stdout: 'one two', stderr: 'three four' }]);
    expect(told).toEqual(['one ', 'three ']);
  });
});
