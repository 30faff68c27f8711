/** What an error holds, and what it does not. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  disconnectReasonFor,
  disconnectReasons,
  errorCodes,
  SshError,
  type SshErrorCode,
  type SshErrorDetails,
} from '../../src/base/errors.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Something large that makes an error, as a connection does. */
class Connection {
  private readonly buffer = new Uint8Array(1024);

  fail(): SshError {
    return this.buffer.length > 0
      ? new SshError('ERR_SSH_TIMEOUT', 'too late')
      : new SshError('ERR_SSH_MAC', '');
  }
}

function failed(): { readonly error: SshError; readonly connection: WeakRef<Connection> } {
  const connection = new Connection();
  return { error: connection.fail(), connection: new WeakRef(connection) };
}

describe('an error', () => {
  it('that is kept does not keep what made it', async () => {
    const { error, connection } = failed();
    // A WeakRef is strong until the end of the turn it was made in.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(connection.deref()).toBeUndefined();
    expect(error.stack).toContain('errors.test.ts');
    expect(error.stack).toContain('too late');
  });

  it('says what it was told, and nothing of what it was not told', () => {
    const details: Required<SshErrorDetails> = {
      phase: 'authentication',
      origin: 'network',
      cause: new Error('below'),
      hint: 'do this',
      host: 'h',
      port: 22,
      waitingFor: 'close',
      elapsed: 1,
      deadline: 2,
      bytesReceived: 3,
      remoteIdentification: 'SSH-2.0-x',
      disconnectReason: 4,
      channelOpenReason: 5,
      path: '/p',
      status: { code: 4, name: 'SSH_FX_FAILURE' },
      file: 'config',
      line: 6,
      problems: [],
    };
    fc.assert(
      fc.property(fc.subarray(Object.entries(details)), (some) => {
        const given = Object.fromEntries(some);
        const error = new SshError('ERR_SSH_MAC', 'what', given);
        const { cause, ...own } = given;
        expect({ ...error }).toStrictEqual({
          name: 'SshError',
          code: 'ERR_SSH_MAC',
          phase: 'connection',
          origin: 'peer',
          ...own,
        });
        expect(error.cause).toBe(cause);
        expect('cause' in error).toBe(cause !== undefined);
        expect(error.message).toBe('hint' in given ? 'what; do this' : 'what');
        expect(error.stack?.startsWith(`SshError: ${error.message}\n`)).toBe(true);
      }),
    );
  });
});

describe('an error with the output of a command', () => {
  const text = { stdout: 'out', stderr: 'err' };
  const bytes = { stdout: Uint8Array.of(1), stderr: Uint8Array.of(2) };
  const made = (): SshError =>
    new SshError('ERR_SSH_TIMEOUT', 'late', { hint: 'wait', host: 'h', cause: new Error('below') });

  it('is a copy that says the same, so that each command has its own', () => {
    const error = made();
    const [one, other] = [error.withOutput(text, false), error.withOutput(bytes, false)];
    expect([one.stdout, one.stderr]).toEqual(['out', 'err']);
    expect([other.stdout, other.stderr]).toEqual([bytes.stdout, bytes.stderr]);
    expect(error.stdout).toBeUndefined();
    for (const copy of [one, other]) {
      expect(copy).not.toBe(error);
      expect({ ...copy }).toEqual({ ...error });
      expect([copy.message, copy.cause, copy.stack]).toEqual([error.message, error.cause, error.stack]);
    }
  });

  it('is the error itself where there is no output, as often as the outputs are of one kind', () => {
    const [noText, noBytes] = [
      { stdout: '', stderr: '' },
      { stdout: new Uint8Array(0), stderr: new Uint8Array(0) },
    ];
    const error = made();
    expect(error.withOutput(noText, true)).toBe(error);
    expect(error.withOutput(noText, true)).toBe(error);
    const other = error.withOutput(noBytes, true);
    expect(other).not.toBe(error);
    expect([error.stdout, other.stdout]).toEqual(['', noBytes.stdout]);
  });

  it('shows nothing of it to those who print it, and lets it be taken away', () => {
    const error = made().withOutput(text, false);
    expect(Object.keys(error)).not.toContain('stdout');
    expect(Object.keys(error)).not.toContain('stderr');
    expect(JSON.stringify(error)).not.toContain('out');
    Object.assign(error, { stdout: '', stderr: '' });
    expect([error.stdout, error.stderr]).toEqual(['', '']);
    expect(Reflect.deleteProperty(error, 'stdout')).toBe(true);
  });
});

/** RFC 4253 §11.1. */
const numbers = {
  SSH_DISCONNECT_HOST_NOT_ALLOWED_TO_CONNECT: 1,
  SSH_DISCONNECT_PROTOCOL_ERROR: 2,
  SSH_DISCONNECT_KEY_EXCHANGE_FAILED: 3,
  SSH_DISCONNECT_RESERVED: 4,
  SSH_DISCONNECT_MAC_ERROR: 5,
  SSH_DISCONNECT_COMPRESSION_ERROR: 6,
  SSH_DISCONNECT_SERVICE_NOT_AVAILABLE: 7,
  SSH_DISCONNECT_PROTOCOL_VERSION_NOT_SUPPORTED: 8,
  SSH_DISCONNECT_HOST_KEY_NOT_VERIFIABLE: 9,
  SSH_DISCONNECT_CONNECTION_LOST: 10,
  SSH_DISCONNECT_BY_APPLICATION: 11,
  SSH_DISCONNECT_TOO_MANY_CONNECTIONS: 12,
  SSH_DISCONNECT_AUTH_CANCELLED_BY_USER: 13,
  SSH_DISCONNECT_NO_MORE_AUTH_METHODS_AVAILABLE: 14,
  SSH_DISCONNECT_ILLEGAL_USER_NAME: 15,
};

describe('the reason of a disconnect', () => {
  it('has the numbers of the RFC', () => {
    const spelled = (name: string): string =>
      `SSH_DISCONNECT_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    const ours = Object.entries(disconnectReasons).map(([name, number]) => [spelled(name), number]);
    expect(Object.fromEntries(ours)).toEqual(numbers);
  });

  it('tells the peer what it did, and says of what is our own that the application ends', () => {
    const { protocolError, keyExchangeFailed, hostKeyNotVerifiable, byApplication } = disconnectReasons;
    const others: Partial<Record<SshErrorCode, number | undefined>> = {
      ERR_SSH_CONNECT: undefined,
      ERR_SSH_CONNECTION_LOST: undefined,
      ERR_SSH_DISCONNECTED: undefined,
      ERR_SSH_IDENTIFICATION: undefined,
      ERR_SSH_NO_COMMON_ALGORITHM: keyExchangeFailed,
      ERR_SSH_KEY_EXCHANGE: keyExchangeFailed,
      ERR_SSH_HOST_KEY_REJECTED: hostKeyNotVerifiable,
      ERR_SSH_HOST_KEY_UNKNOWN: hostKeyNotVerifiable,
      ERR_SSH_HOST_KEY_CHANGED: hostKeyNotVerifiable,
      ERR_SSH_HOST_KEY_REVOKED: hostKeyNotVerifiable,
      ERR_SSH_HOST_KEY_NOT_PINNED: hostKeyNotVerifiable,
      ERR_SSH_CERTIFICATE: hostKeyNotVerifiable,
      ERR_SSH_MAC: disconnectReasons.macError,
      ERR_SSH_AUTHENTICATION_FAILED: disconnectReasons.noMoreAuthMethodsAvailable,
      ERR_SSH_AUTHENTICATION_PROTOCOL: protocolError,
      ERR_SSH_PACKET: protocolError,
      ERR_SSH_DECODE: protocolError,
      ERR_SSH_UNEXPECTED_MESSAGE: protocolError,
      ERR_SSH_CHANNEL_PROTOCOL: protocolError,
      ERR_SSH_LIMIT: protocolError,
    };
    for (const code of Object.keys(errorCodes) as SshErrorCode[]) {
      const wanted = code in others ? others[code] : byApplication;
      expect([code, disconnectReasonFor(new SshError(code, ''))]).toEqual([code, wanted]);
    }
  });

  it('of a limit depends on who went beyond it', () => {
    const of = (origin: 'user' | 'peer' | 'local'): number | undefined =>
      disconnectReasonFor(new SshError('ERR_SSH_LIMIT', '', { origin }));
    expect([of('user'), of('peer'), of('local')]).toEqual([11, 2, 2]);
  });
});
