/** What an error holds, and what it does not. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';

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
});
