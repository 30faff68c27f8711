/** Code that is loaded when it is first needed, in a process that may lack the means. */
import { describe, expect, it } from 'vitest';
import { lateCode } from '../../src/endpoint/lateCode.ts';

describe('code that is loaded late', () => {
  it('comes as it is', async () => {
    expect(await lateCode('a thing', () => Promise.resolve(5))).toBe(5);
  });

  it('that cannot be loaded is a typed error, which says what for and what to do, and is tried again', async () => {
    const cause = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    let attempts = 0;
    const load = (): Promise<number> =>
      ++attempts === 1 ? Promise.reject(cause) : Promise.resolve(attempts);
    await expect(lateCode('private keys', load)).rejects.toMatchObject({
      code: 'ERR_SSH_LOAD',
      origin: 'local',
      cause,
      message: expect.stringMatching(/^the code for private keys could not be loaded: EMFILE.*ulimit -n/),
    });
    expect(await lateCode('private keys', load)).toBe(2);
  });

  it('that throws at once, or something that is no error, is one too', async () => {
    const throws = (): never => {
      throw 'nothing';
    };
    await expect(lateCode('a thing', throws)).rejects.toMatchObject({
      code: 'ERR_SSH_LOAD',
      message: 'the code for a thing could not be loaded',
      cause: 'nothing',
    });
  });
});
