/** The collecting of two streams: one bound, one fault, and nobody told behind it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, latin1Decode, utf8Encode } from '../../src/base/bytes.ts';
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
    this.sayBytes(utf8Encode(text));
  }

  sayBytes(bytes: Uint8Array): void {
    this.pieces.push(bytes);
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

describe('what a listener is told', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      // The parts of one character, which packets cut where they like.
      fc
        .constantFrom(...['ä', '€', '🙂', '\ufeff'].map(utf8Encode))
        .chain((character) => fc.nat({ max: character.length }).map((at) => character.subarray(0, at))),
      fc.nat({ max: 3 }).map((at) => utf8Encode('€').subarray(at)),
    ),
    { maxLength: 12 },
  );
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

  it('is the whole in the end, and each piece of it is text as far as its characters are there', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, async (all) => {
        const { out, err, output, told } = collecting({ onStdout: (piece) => told.push(String(piece)) });
        let last = 0;
        for (const piece of all) {
          out.sayBytes(piece);
          // Nothing is told twice, and nothing empty.
          for (const one of told.slice(last)) expect(one).not.toBe('');
          expect(told.length - last).toBeLessThanOrEqual(1);
          last = told.length;
          // A character that may still be whole is in neither of them.
          expect(output.soFar()).toEqual({ stdout: told.join(''), stderr: '' });
        }
        out.end();
        err.end();
        await soon();
        expect(told.join('')).toBe(text(concatBytes(...all)));
        expect(output.whole()).toEqual({ stdout: text(concatBytes(...all)), stderr: '' });
      }),
    );
  });

  it('is one piece for each that came, in encodings that have no half characters', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, fc.constantFrom('latin1', 'buffer'), async (all, encoding) => {
        const heard: unknown[] = [];
        const { out, err, output, outcome } = collecting({
          encoding,
          onStdout: (piece) => void heard.push(piece),
        });
        const shown = (bytes: Uint8Array): unknown => (encoding === 'buffer' ? bytes : latin1Decode(bytes));
        for (const piece of all) out.sayBytes(piece);
        expect(output.soFar()).toEqual({
          stdout: shown(concatBytes(...all)),
          stderr: shown(new Uint8Array(0)),
        });
        out.end();
        err.end();
        await soon();
        expect(heard).toEqual(all.map(shown));
        expect(outcome()).toBe('collected');
        expect(output.isEmpty).toBe(all.every(({ length }) => length === 0));
      }),
    );
  });

  it('is its own: what it does to the bytes changes nothing of the result', async () => {
    const { out, output } = collecting({
      encoding: 'buffer',
      onStdout: (piece) => void (piece as Uint8Array).fill(0),
    });
    out.say('abc');
    expect(output.whole().stdout).toEqual(utf8Encode('abc'));
  });
});
