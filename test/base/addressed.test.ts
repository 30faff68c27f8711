/** An error says its target once, in the message and beside it, and takes nothing else away. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Address, addressed, messageAlone, remarked, spelled } from '../../src/base/addressed.ts';
import { SshError } from '../../src/base/errors.ts';

const port = fc.integer({ min: 1, max: 65_535 });
const host = fc.oneof(
  fc.constantFrom('a', 'db.example', '::1', 'fe80::1%eth0', 'a\x1bb', 'x'.repeat(400)),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }),
);
const target: fc.Arbitrary<Address> = fc.record({ host, port });
/** Without a colon it is no message that says a target already. */
const message = fc.string({ unit: fc.constantFrom('a', ' ', ';', '\\', 'é'), maxLength: 20 });

const made = (text: string): SshError =>
  new SshError('ERR_SSH_AUTHENTICATION_FAILED', text, {
    phase: 'authentication',
    origin: 'network',
    cause: new Error('below'),
    elapsed: 5,
    path: '/p',
  });

const said = (error: SshError): object => ({ ...error, cause: error.cause, message: error.message });

describe('a target', () => {
  it('is spelled as a URL has it, and a hostile one is escaped and cut', () => {
    expect(spelled({ host: 'a', port: 22 })).toBe('a:22');
    expect(spelled({ host: '::1', port: 22 })).toBe('[::1]:22');
    expect(spelled({ host: 'a\nb', port: 22 })).toBe('a\\x0ab:22');
    expect(spelled({ host: 'x'.repeat(301), port: 22 })).toBe(`${'x'.repeat(300)}…:22`);
    expect(spelled({ host: 'x'.repeat(300), port: 22 })).toBe(`${'x'.repeat(300)}:22`);
  });
});

describe('an error with its target', () => {
  it('is the same one, with the target in front of the message and of the stack', () => {
    fc.assert(
      fc.property(message, target, (text, to) => {
        const error = made(text);
        const before = said(error);
        const frames = error.stack?.slice(`SshError${text === '' ? '' : ': '}${text}`.length);
        expect(addressed(error, to)).toBe(error);
        expect(said(error)).toEqual({ ...before, ...to, message: `${spelled(to)}: ${text}` });
        expect(error.stack).toBe(`SshError: ${error.message}${frames}`);
        expect(messageAlone(error)).toBe(text);
        // It is said once, however often it is asked for.
        expect(addressed(error, to)).toBe(error);
        expect(error.message).toBe(`${spelled(to)}: ${text}`);
      }),
    );
  });

  it('is a copy for each further target, and the first stays as it is', () => {
    fc.assert(
      fc.property(message, target, target, (text, one, two) => {
        fc.pre(one.host !== two.host || one.port !== two.port);
        const error = addressed(made(text), one);
        const before = [said(error), error.stack];
        const copy = addressed(error, two);
        expect(copy).not.toBe(error);
        expect([said(error), error.stack]).toEqual(before);
        expect(said(copy)).toEqual({ ...said(error), ...two, message: `${spelled(two)}: ${text}` });
        expect(copy.stack).toBe(error.stack?.replace(error.message, () => copy.message));
      }),
    );
    const error = addressed(made('x'), { host: 'a', port: 22 });
    expect(addressed(error, { host: 'a', port: 23 }).message).toBe('a:23: x');
    expect(addressed(error, { host: 'b', port: 22 }).message).toBe('b:22: x');
  });

  it('does not say it twice where the message has it already', () => {
    for (const [text, to] of [
      ['cannot connect to a:22: refused', { host: 'a', port: 22 }],
      ['no key of [::1]:22 is known', { host: '::1', port: 22 }],
      // As known_hosts spells it.
      ['no key of [a]:2222 is known', { host: 'a', port: 2222 }],
    ] as const) {
      const error = addressed(made(text), to);
      expect(error.message).toBe(text);
      expect(error).toMatchObject(to);
      expect(messageAlone(error)).toBe(text);
    }
  });

  it('keeps a stack that somebody wrote anew', () => {
    const error = made('x');
    error.stack = 'of my own';
    expect(addressed(error, { host: 'a', port: 22 }).stack).toBe('of my own');
    expect(addressed(error, { host: 'b', port: 22 }).stack).toBe('of my own');
  });
});

describe('a message alone', () => {
  it('is the whole one where no target is known, or another stands in front', () => {
    expect(messageAlone(made('a:22: x'))).toBe('a:22: x');
    const half = made('a:22: x');
    half.host = 'a';
    expect(messageAlone(half)).toBe('a:22: x');
    half.port = 23;
    expect(messageAlone(half)).toBe('a:22: x');
    half.port = 22;
    expect(messageAlone(half)).toBe('x');
  });
});

describe('a remark', () => {
  it('is made once, in the message and in the stack', () => {
    const error = made('x');
    const frames = error.stack?.slice('SshError: x'.length);
    for (let times = 0; times < 2; times++) {
      expect(remarked(error, 'try again')).toBe(error);
      expect(error.message).toBe('x; try again');
      expect(error.stack).toBe(`SshError: x; try again${frames}`);
    }
    expect(remarked(error, 'again').message).toBe('x; try again; again');
  });
});
