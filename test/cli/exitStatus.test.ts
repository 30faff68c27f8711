/** How the end of a remote command becomes this program's exit status. */
import { describe, expect, it } from 'vitest';
import { exitVerdict, signalStatus } from '../../src/cli/exitStatus.ts';

const ended = { code: undefined, signal: undefined, coreDumped: false, errorMessage: '' };

describe('an exit status', () => {
  it.each([0, 1, 42, 127, 255])('%i passes through', (code) => {
    expect(exitVerdict({ ...ended, code })).toEqual({ status: code, message: undefined });
  });

  it('never wraps around to success', () => {
    expect(exitVerdict({ ...ended, code: 256 }).status).toBe(255);
  });

  it.each([
    ['TERM', 143],
    ['KILL', 137],
    ['HUP', 129],
  ])('of SIG%s is %i and a sentence', (signal, status) => {
    expect(exitVerdict({ ...ended, signal })).toEqual({
      status,
      message: `the command was ended by signal ${signal}`,
    });
  });

  it('tells what the server says about the signal', () => {
    const { message } = exitVerdict({ ...ended, signal: 'SEGV', coreDumped: true, errorMessage: 'bad luck' });
    expect(message).toBe('the command was ended by signal SEGV (core dumped): bad luck');
  });

  it('is 255 for a signal of another system and for no word at all', () => {
    expect(exitVerdict({ ...ended, signal: 'XYZ@example' }).status).toBe(255);
    expect(exitVerdict({ ...ended, signal: 'constructor' }).status).toBe(255);
    expect(exitVerdict(ended)).toEqual({
      status: 255,
      message: 'the server did not say how the command ended',
    });
    expect(signalStatus('toString')).toBeUndefined();
  });
});
