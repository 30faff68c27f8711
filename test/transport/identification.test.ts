/** The first line of each side (RFC 4253 §4.2), byte by byte. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../src/base/bytes.ts';
import { defaultLimits, type Limits } from '../../src/base/limits.ts';
import {
  type Identification,
  IdentificationReader,
  identificationLine,
  parseIdentification,
  type Role,
} from '../../src/transport/identification.ts';
import { ByteQueue } from '../../src/wire/byteQueue.ts';

/** What a reader makes of bytes that come in pieces of this size, and what it leaves. */
function read(
  text: string,
  { chunk = 1_000_000, role = 'client' as Role, limits = {} as Partial<Limits> } = {},
): { found: Identification | undefined; left: string } {
  const reader = new IdentificationReader(role, { ...defaultLimits, ...limits });
  const queue = new ByteQueue();
  const bytes = utf8Encode(text);
  let found: Identification | undefined;
  for (let at = 0; at < bytes.length; at += chunk) {
    queue.push(bytes.slice(at, at + chunk));
    found ??= reader.next(queue);
  }
  queue.ensure(queue.length);
  return { found, left: utf8Decode(queue.buffer.slice(queue.start, queue.start + queue.length)) };
}

const notSsh = (pattern: RegExp): unknown =>
  expect.objectContaining({
    code: 'ERR_SSH_IDENTIFICATION',
    phase: 'identification',
    message: expect.stringMatching(pattern),
  });

describe('RFC 4253 §4.2: the identification of a peer', () => {
  it.each([
    ['SSH-2.0-x\r\n', 'SSH-2.0-x'],
    ['SSH-2.0-x\n', 'SSH-2.0-x'],
    // A CR that is no part of the line's end belongs to it.
    ['SSH-2.0-x\r\r\n', 'SSH-2.0-x\r'],
    ['SSH-2.0-\n', 'SSH-2.0-'],
  ])('%j is a whole line, which enters the exchange hash without its end', (text, line) => {
    const { found } = read(text);
    expect(found && utf8Decode(found.line)).toBe(line);
  });

  it('is not complete before its LF', () => {
    expect(read('SSH-2.0-x\r').found).toBeUndefined();
  });

  it('leaves what stands behind it, whatever the chunks', () => {
    const line = fc.stringMatching(/^[a-z ]{0,20}$/);
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 4 }),
        fc.constantFrom('\n', '\r\n'),
        fc.integer({ min: 1, max: 30 }),
        (before, end, chunk) => {
          const text = [...before, 'SSH-2.0-x y', 'KEXINIT'].join(end);
          const { found, left } = read(text, { chunk });
          expect(found).toEqual(parseIdentification(utf8Encode('SSH-2.0-x y')));
          expect(left).toBe('KEXINIT');
        },
      ),
    );
  });

  it('is taken apart', () => {
    expect(parseIdentification(utf8Encode('SSH-2.0-OpenSSH_9.9 Debian 13'))).toMatchObject({
      protocolVersion: '2.0',
      softwareVersion: 'OpenSSH_9.9',
      comments: 'Debian 13',
      text: 'SSH-2.0-OpenSSH_9.9 Debian 13',
    });
    expect(parseIdentification(utf8Encode('SSH-1.99-a-b'))).toMatchObject({
      protocolVersion: '1.99',
      softwareVersion: 'a-b',
      comments: undefined,
    });
  });

  it.each(['SSH-1.5-x', 'SSH-2.1-x', 'SSH-2-x', 'SSH-1.999-x'])('%s is another protocol', (line) => {
    expect(() => parseIdentification(utf8Encode(line))).toThrow(notSsh(/only 2\.0 is supported/));
  });

  it.each(['SSH-2.0', 'SSH--x', 'SSH-'])('%s is none', (line) => {
    expect(() => parseIdentification(utf8Encode(line))).toThrow(notSsh(/malformed/));
  });

  it.each(['SS', 'SSG-2.0-x', 'XSH-2.0-x', 'SXH-2.0-x', 'SSH_2.0-x', ' SSH-2.0-x'])(
    'a line that begins with %j is one of those a server may send before it',
    (line) => {
      expect(read(`${line}\nSSH-2.0-x\n`).found?.softwareVersion).toBe('x');
    },
  );
});

describe('the bounds of what comes before the keys', () => {
  it('a line may be as long as the limit with its end, and no longer', () => {
    const limits = { identificationLine: 64 };
    const line = (length: number, end: string): string =>
      `SSH-2.0-${'x'.repeat(length - 8 - end.length)}${end}`;
    for (const end of ['\n', '\r\n']) {
      expect(read(line(64, end), { limits }).found?.softwareVersion).toBe('x'.repeat(56 - end.length));
      expect(() => read(line(65, end), { limits })).toThrow(notSsh(/a line of more than 64 bytes/));
    }
  });

  it('a line before it may have as many characters as its own limit says, and no more', () => {
    const line = (length: number): string => 'y'.repeat(length);
    for (const end of ['\n', '\r\n']) {
      expect(read(`${line(8192)}${end}SSH-2.0-x${end}`).found?.softwareVersion).toBe('x');
      expect(() => read(`${line(8193)}${end}SSH-2.0-x${end}`)).toThrow(
        notSsh(/a line of more than 8192 characters.*It began with "y{64}…"/),
      );
    }
    // One that never ends is no longer waited for.
    expect(read(line(8193)).found).toBeUndefined();
    expect(() => read(line(8194))).toThrow(notSsh(/a line of more than 8192 characters/));
    const limits = { greetingLine: 100 };
    expect(read(`${line(100)}\nSSH-2.0-x\n`, { limits }).found?.softwareVersion).toBe('x');
    expect(() => read(`${line(101)}\nSSH-2.0-x\n`, { limits })).toThrow(notSsh(/more than 100 characters/));
    // The identification itself has no more room by that, nor has a client's, which nothing may precede.
    expect(() => read(`SSH-2.0-${line(250)}\n`)).toThrow(notSsh(/a line of more than 255 bytes/));
    expect(() => read(line(255), { role: 'server' })).toThrow(notSsh(/a line of more than 255 bytes/));
  });

  it('as many lines before it as the limit says, and no more', () => {
    const limits = { identificationLines: 3 };
    expect(read(`${'a\n'.repeat(3)}SSH-2.0-x\n`, { limits }).found?.softwareVersion).toBe('x');
    expect(() => read(`b\n${'a\n'.repeat(3)}SSH-2.0-x\n`, { limits })).toThrow(
      notSsh(/4 lines before any identification.*It began with "b"/),
    );
  });

  it('as many bytes before it as the limit says, ends of lines included', () => {
    const limits = { identificationBytes: 300 };
    const with_ = (last: number): string => `${'a'.repeat(198)}\r\n${'b'.repeat(last - 1)}\nSSH-2.0-x\n`;
    expect(read(with_(100), { limits }).found?.softwareVersion).toBe('x');
    expect(() => read(with_(101), { limits })).toThrow(notSsh(/2 lines before/));
  });

  it('no NUL byte (RFC 4253 §4.2)', () => {
    expect(() => read('SSH-2.0-\0x\n')).toThrow(notSsh(/a NUL byte/));
    expect(() => read('ab\0')).toThrow(notSsh(/It began with "ab\\x00"/));
  });

  it('no line before the identification of a client', () => {
    expect(read('SSH-2.0-x\n', { role: 'server' }).found?.softwareVersion).toBe('x');
    expect(() => read('GET / HTTP/1.1\r\nSSH-2.0-x\n', { role: 'server' })).toThrow(
      notSsh(/a line that is not an identification.*"GET \/ HTTP\/1\.1"/),
    );
  });
});

describe('what came instead of an identification', () => {
  const received = (...chunks: readonly string[]): string => {
    const reader = new IdentificationReader('client', defaultLimits);
    const queue = new ByteQueue();
    for (const chunk of chunks) {
      queue.push(utf8Encode(chunk));
      expect(reader.next(queue)).toBeUndefined();
    }
    return reader.received(queue);
  };

  it('is the first line, or the bytes of one that has not ended, or nothing', () => {
    expect(received()).toBe('');
    expect(received('HTTP')).toBe('HTTP');
    expect(received('HT', 'TP')).toBe('HTTP');
    expect(received('first\r\n', 'second\r\n', 'third')).toBe('first');
    expect(received('\x1b[2J')).toBe('\\x1b[2J');
  });
});

describe('the identification of this side', () => {
  it('has the form of RFC 4253 §4.2', () => {
    expect(utf8Decode(identificationLine('x_1.0'))).toBe('SSH-2.0-x_1.0');
    expect(utf8Decode(identificationLine('x', 'a-b c'))).toBe('SSH-2.0-x a-b c');
  });

  it('is 253 characters at most, so that it is 255 with CR LF', () => {
    expect(identificationLine('x'.repeat(245))).toHaveLength(253);
    const options = { code: 'ERR_SSH_OPTIONS', phase: 'options', origin: 'user' };
    const wrong: [string, string?][] = [['x'.repeat(246)], [''], ['a-b'], ['ä'], ['x', 'a\n']];
    for (const given of wrong) {
      expect(() => identificationLine(...given)).toThrow(expect.objectContaining(options));
    }
  });
});
