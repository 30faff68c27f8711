/** Paths of files that are served, between binary strings and what the system takes. */
import { describe, expect, it } from 'vitest';
import { binaryPath, systemPath } from '../../src/node/served/systemCalls.ts';

describe('a path of a served file', () => {
  it('is text for the system where it is UTF-8, and bytes where it is not', () => {
    expect(systemPath('/a/b')).toBe('/a/b');
    expect(systemPath(binaryPath(Buffer.from('/é')))).toBe('/é');
    expect(systemPath('/caf\xe9')).toEqual(Buffer.from('/caf\xe9', 'latin1'));
  });

  it('comes from any bytes, a character a byte', () => {
    const bytes = [0x2f, 0x63, 0xe9];
    expect(binaryPath(Buffer.from(bytes))).toBe('/c\xe9');
    expect(binaryPath(Uint8Array.from(bytes))).toBe('/c\xe9');
  });
});
