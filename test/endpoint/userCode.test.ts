/** Calls of functions that the user gave, and what a public call rejects with. */
import { describe, expect, it } from 'vitest';
import { SshError, type SshErrorCode } from '../../src/base/errors.ts';
import { CallSite } from '../../src/endpoint/calls/callSite.ts';
import { isCallersOwn, publicCall, rejectionOfCall } from '../../src/endpoint/calls/publicCall.ts';
import {
  amongListeners,
  askInCall,
  askUser,
  isUsersOwn,
  rejectionOf,
  tellInCall,
  tellUser,
  thrownByUser,
  userFault,
} from '../../src/endpoint/calls/userCode.ts';

const own = new SshError('ERR_SSH_KEY_FORMAT', 'of the user');

describe('what a function throws', () => {
  it.each([
    ['an error', new Error('why'), 'the function verify failed: why'],
    ['a text', 'why', 'the function verify failed'],
    ['nothing', undefined, 'the function verify failed'],
  ])('as %s becomes an SshError inside, and comes back as it was', (_, thrown, message) => {
    const fault = userFault('verify', thrown);
    expect(fault).toMatchObject({ code: 'ERR_SSH_CALLBACK', message, origin: 'user' });
    expect([isUsersOwn(fault), rejectionOf(fault), fault.cause]).toEqual([true, thrown, thrown]);
  });

  it('may have a code, a phase and words of its own', () => {
    const details = { code: 'ERR_SSH_AGENT', phase: 'keyExchange', message: 'no verdict' } as const;
    expect(userFault('verify', new Error('why'), details)).toMatchObject({
      ...details,
      message: 'no verdict: why',
    });
  });

  it('as an SshError stands for itself, but not where it cannot be written to, nor during a call', () => {
    expect([userFault('verify', own), isUsersOwn(own)]).toEqual([own, false]);
    const frozen = Object.freeze(new SshError('ERR_SSH_KEY_FORMAT', 'of the user'));
    expect(userFault('verify', frozen)).not.toBe(frozen);
    const during = thrownByUser('input', own);
    expect(during).toMatchObject({ code: 'ERR_SSH_CALLBACK', message: 'input failed: of the user' });
    expect([isUsersOwn(during), rejectionOf(during)]).toEqual([true, own]);
  });

  it('is no matter of errors that nobody threw', () => {
    expect([isUsersOwn(own), rejectionOf(own), rejectionOf('text')]).toEqual([false, own, 'text']);
  });
});

describe('a function that is asked', () => {
  it('gives its answer, now or later', async () => {
    expect(await askUser('f', () => 1)).toBe(1);
    expect(await askInCall('f', () => Promise.resolve(2))).toBe(2);
  });

  it('fails by what it throws or its promise rejects with', async () => {
    const fails = [
      () => {
        throw own;
      },
      () => Promise.reject(own),
    ];
    for (const fail of fails) {
      await expect(askUser('f', fail)).rejects.toBe(own);
      await expect(askInCall('f', fail)).rejects.toMatchObject({
        message: 'the function f failed: of the user',
      });
    }
  });
});

describe('a function that is told', () => {
  const failed = (tell: typeof tellUser, work: () => unknown): Promise<SshError> =>
    new Promise((resolve) => tell('onDebug', work, resolve));

  it('is called at once, and its faults go to one who hears them', async () => {
    const told: string[] = [];
    tellUser(
      'onDebug',
      () => told.push('it'),
      () => told.push('failed'),
    );
    expect(told).toEqual(['it']);
    const fault = new Error('why');
    for (const tell of [tellUser, tellInCall]) {
      expect(
        rejectionOf(
          await failed(tell, () => {
            throw fault;
          }),
        ),
      ).toBe(fault);
      expect(rejectionOf(await failed(tell, () => Promise.reject(fault)))).toBe(fault);
    }
  });

  it('may answer with anything', async () => {
    const told: unknown[] = [];
    // biome-ignore lint/suspicious/noThenProperty: what a user's function may answer with
    const odd = { then: (_resolve: unknown, reject: (error: unknown) => void) => reject('odd') };
    for (const answer of [undefined, null, 1, 'text', {}, () => {}])
      tellUser(
        'f',
        () => answer,
        (fault) => told.push(fault),
      );
    tellUser(
      'f',
      () => odd,
      (fault) => told.push(rejectionOf(fault)),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['odd']);
  });
});

it('what listeners throw surfaces as from any stream, and not where they are called', async () => {
  const fault = new Error('of a listener');
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const surfaced = new Promise((resolve) => process.once('uncaughtException', resolve));
  try {
    expect(amongListeners(() => 'it')).toBe('it');
    expect(
      amongListeners(() => {
        throw fault;
      }),
    ).toBeUndefined();
    expect(await surfaced).toBe(fault);
  } finally {
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
});

describe('a public call', () => {
  const site = (): CallSite => new CallSite(site);

  it('rejects also by what is thrown before there is a promise', async () => {
    const call = publicCall({ site: site() }, () => {
      throw own;
    });
    await expect(call).rejects.toBe(own);
  });

  it('names the host in errors of its own, and leaves what the user threw as it is', () => {
    const named = new SshError('ERR_SSH_TIMEOUT', 'with the host');
    const addressed = (): SshError => named;
    const error = new SshError('ERR_SSH_TIMEOUT', 'without it');
    expect(rejectionOfCall({ site: site(), addressed }, error)).toBe(named);
    expect(rejectionOfCall({ site: site() }, error)).toBe(error);
    const thrown = new SshError('ERR_SSH_TIMEOUT', 'thrown by the user');
    expect(rejectionOfCall({ site: site(), addressed }, thrownByUser('input', thrown))).toBe(thrown);
    expect(rejectionOfCall({ site: site(), addressed }, 'text')).toBe('text');
  });

  it.each([
    ['closed', new SshError('ERR_SSH_CLOSED', 'closed'), true],
    ['aborted', new SshError('ERR_SSH_ABORTED', 'aborted'), true],
    [
      'ended by one that was closed',
      new SshError('ERR_SSH_CONNECTION_LOST', 'lost', { cause: new SshError('ERR_SSH_CLOSED', 'closed') }),
      true,
    ],
    ['lost', new SshError('ERR_SSH_CONNECTION_LOST', 'lost'), false],
    ['broken by another error', new Error('closed'), false],
  ])('that was %s is known for the caller’s own doing, or not', (_, error, expected) => {
    expect(isCallersOwn(error)).toBe(expected);
  });

  it('whose causes lead in a circle is looked at for a while only', () => {
    const error = new SshError('ERR_SSH_CONNECTION_LOST', 'lost');
    Object.defineProperty(error, 'cause', { value: error });
    expect(isCallersOwn(error)).toBe(false);
  });

  it('is looked at through as many tunnels as there are hops, and no more', () => {
    const chain = (length: number, code: SshErrorCode): SshError =>
      length === 1
        ? new SshError(code, 'x')
        : new SshError('ERR_SSH_CONNECTION_LOST', 'x', { cause: chain(length - 1, code) });
    for (const code of ['ERR_SSH_CLOSED', 'ERR_SSH_ABORTED'] as const) {
      expect([1, 2, 16, 17].map((length) => isCallersOwn(chain(length, code)))).toEqual([
        true,
        true,
        true,
        false,
      ]);
    }
    expect(isCallersOwn(chain(3, 'ERR_SSH_TIMEOUT'))).toBe(false);
    expect(isCallersOwn(Object.assign(new Error('x'), { code: 'ERR_SSH_CLOSED' }))).toBe(false);
  });

  it('that nobody looks at and the caller ended does not count as unhandled', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    const listeners = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', note);
    try {
      const lost = new SshError('ERR_SSH_CONNECTION_LOST', 'lost');
      void publicCall({ site: site() }, () => Promise.reject(new SshError('ERR_SSH_CLOSED', 'closed')));
      void publicCall({ site: site(), isGivenUp: () => true }, () => Promise.reject(new Error('late')));
      void publicCall({ site: site(), isGivenUp: () => false }, () => Promise.reject(lost));
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      expect(unhandled).toEqual([lost]);
    } finally {
      process.off('unhandledRejection', note);
      for (const listener of listeners) process.on('unhandledRejection', listener);
    }
  });
});
