import { SshError } from '../../src/base/errors.ts';

/** The `SshError` that an action must throw; anything else it throws passes through. */
export function failure(action: () => unknown): SshError {
  try {
    action();
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
  throw new Error('an SshError was expected, and nothing was thrown');
}

/** A seeded source of bytes for tests (xorshift32): never for keys that protect anything. */
export function testBytes(seed: number): (length: number) => Uint8Array {
  let state = (seed | 0) === 0 ? 0x9e3779b9 : seed | 0;
  return (length) => {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      out[i] = state >>> 11;
    }
    return out;
  };
}
