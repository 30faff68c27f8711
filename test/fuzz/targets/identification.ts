/**
 * The first bytes of a peer, for both roles.
 *
 * Owns: that the pieces in which they come do not matter, that nothing is held
 * beyond the limits, that a line taken apart says what it said.
 * Must not know: engines.
 */
import { defaultLimits } from '../../../src/base/limits.ts';
import {
  type Identification,
  IdentificationReader,
  identificationLine,
  type Role,
} from '../../../src/transport/identification.ts';
import { ByteQueue } from '../../../src/wire/byteQueue.ts';
import { corpusOf } from '../corpus.ts';
import { attempt, type FuzzTarget, fine, fingerprintOf, law, type Verdict, verdictOf } from '../target.ts';

interface Reading {
  readonly verdict: Verdict;
  readonly identification: Identification | undefined;
  /** Bytes that were not taken, counted from the end. */
  readonly left: number;
}

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const pieces = 1 + ((data[0] ?? 0) % 32);
  const bytes = data.subarray(1);
  const verdicts = (['client', 'server'] as const).map((role) => {
    const whole = read(role, bytes, bytes.length);
    const dripped = read(role, bytes, pieces);
    law(fingerprintOf(whole) === fingerprintOf(dripped), `pieces of ${pieces} bytes matter to a ${role}`);
    checkParts(whole.identification);
    return whole.verdict;
  });
  return verdicts[0] ?? fine;
}

/** With its end. */
const longestLine = defaultLimits.greetingLine + 2;

function read(role: Role, bytes: Uint8Array, pieces: number): Reading {
  const queue = new ByteQueue();
  const reader = new IdentificationReader(role, defaultLimits);
  let at = 0;
  try {
    while (at < bytes.length) {
      const piece = bytes.slice(at, at + pieces);
      queue.push(piece);
      at += piece.length;
      const identification = reader.next(queue);
      if (identification !== undefined) {
        return { verdict: fine, identification, left: queue.length + bytes.length - at };
      }
      law(queue.length < longestLine, 'more is held than a line');
    }
  } catch (error) {
    return { verdict: verdictOf(error), identification: undefined, left: 0 };
  }
  law(reader.received(queue).length <= 8 * defaultLimits.identificationLine, 'a report of more than a line');
  return { verdict: fine, identification: undefined, left: queue.length };
}

/** What is taken apart is put together again, where this side would say such a thing itself. */
function checkParts(identification: Identification | undefined): void {
  if (identification === undefined) return;
  const { line, protocolVersion, softwareVersion, comments, text } = identification;
  law(line.length < defaultLimits.identificationLine, 'a line beyond the limit');
  law(!/[^ -~\xa0-\xff]/.test(text.replaceAll('…', '')), 'text that is not escaped');
  const parts = `SSH-${protocolVersion}-${softwareVersion}${comments === undefined ? '' : ` ${comments}`}`;
  law(parts === Buffer.from(line).toString('latin1'), 'parts that do not make the line');
  if (protocolVersion !== '2.0') return;
  const own = attempt(() => identificationLine(softwareVersion, comments));
  if ('value' in own) law(Buffer.compare(own.value, line) === 0, 'a line that reads as another');
}

export const identification: FuzzTarget = {
  name: 'identification',
  shape: 'text',
  examine,
  seeds: () => corpusOf('identification'),
  dictionary: ['SSH-', 'SSH-2.0-', 'SSH-1.99-', 'SSH-1.5-', '\r\n', '\n', '\0', 'HTTP/1.1 400 Bad Request'],
  stepBudget: 30_000_000,
};
