/** What a status becomes. */
import { describe, expect, it } from 'vitest';
import type { Status } from '../../src/sftp/packet/responses.ts';
import { statusError } from '../../src/sftp/protocol/errors.ts';
import { pathBytes } from './support.ts';

const status = (errorCode: number, text: string = ''): Status => ({
  kind: 'status',
  errorCode,
  errorMessage: pathBytes(text),
  languageTag: pathBytes(''),
});

describe('the error of a status', () => {
  it.each([
    [2, 'ERR_SSH_SFTP_NO_SUCH_FILE', 'no such file or folder', 'SSH_FX_NO_SUCH_FILE'],
    [3, 'ERR_SSH_SFTP_PERMISSION_DENIED', 'permission denied', 'SSH_FX_PERMISSION_DENIED'],
    [4, 'ERR_SSH_SFTP_FAILURE', 'the server reports a failure', 'SSH_FX_FAILURE'],
    [5, 'ERR_SSH_SFTP_FAILURE', 'the server did not understand the request', 'SSH_FX_BAD_MESSAGE'],
    [8, 'ERR_SSH_SFTP_UNSUPPORTED', 'the server does not support this operation', 'SSH_FX_OP_UNSUPPORTED'],
    [10, 'ERR_SSH_SFTP_NO_SUCH_FILE', 'the server reports SSH_FX_NO_SUCH_PATH', 'SSH_FX_NO_SUCH_PATH'],
    [15, 'ERR_SSH_SFTP_FAILURE', 'the server reports SSH_FX_QUOTA_EXCEEDED', 'SSH_FX_QUOTA_EXCEEDED'],
  ])('%d is %s, with number and name', (code, error, meaning, name) => {
    const found = statusError(status(code), { name: 'open', path: '/a b' }, 'host:22');
    expect(found).toMatchObject({ code: error, origin: 'peer', path: '/a b', status: { code, name } });
    expect(found.message).toBe(`open "/a b" on host:22: ${meaning}`);
  });

  it('says what the server says, where that says more than the code', () => {
    const text = (said: string, code: number = 4): string =>
      statusError(status(code, said), { name: 'write', path: '/f' }, 'h').message;
    expect(text('Failure')).toBe('write "/f" on h: the server reports a failure');
    expect(text('Disk full')).toBe('write "/f" on h: the server reports a failure (Disk full)');
    expect(text('No such file', 2)).toBe('write "/f" on h: no such file or folder');
    expect(text('No such file', 4)).toContain('(No such file)');
  });

  it('CVE-2019-6109: names and texts of a server are escaped, and cut', () => {
    const found = statusError(
      status(4, `\x1b[2J${'x'.repeat(1000)}`),
      { name: 'stat', path: '/\x1b[31m\n' },
      'h',
    );
    expect(found.message).toContain('stat "/\\x1b[31m\\x0a" on h');
    expect(found.message).toContain('(\\x1b[2Jxxx');
    expect(found.message.length).toBeLessThan(400);
    expect(found.path).toBe('/\\x1b[31m\\x0a');
  });

  it('without a path has none', () => {
    const found = statusError(status(4), { name: 'limits', path: undefined }, 'h');
    expect(found.message).toBe('limits on h: the server reports a failure');
    expect('path' in found).toBe(false);
  });
});
