/** What a client says that it agreed on with its server. */
import { describe, expect, it } from 'vitest';
import { negotiatedBy } from '../../src/client/negotiated.ts';
import type { Transport } from '../../src/transport/transport.ts';

const hostKey = Uint8Array.of(1, 2, 3);
const negotiated = {
  kex: 'mlkem768x25519-sha256',
  hostKey: 'ssh-ed25519',
  clientToServer: { cipher: 'c1', mac: 'm1', compression: 'none' },
  serverToClient: { cipher: 'c2', mac: undefined, compression: 'zlib' },
};

function of(keyExchange: object, text: string | undefined = 'SSH-2.0-x') {
  const transport = {
    keyExchange: { negotiated, strict: true, hostKey, ...keyExchange },
    remote: text === undefined ? undefined : { text },
  };
  return negotiatedBy(transport as unknown as Transport);
}

describe('what was agreed on', () => {
  it('is told for each direction', () => {
    expect(of({})).toEqual({
      kex: 'mlkem768x25519-sha256',
      hostKey: 'ssh-ed25519',
      cipher: { clientToServer: 'c1', serverToClient: 'c2' },
      mac: { clientToServer: 'm1', serverToClient: undefined },
      compression: { clientToServer: 'none', serverToClient: 'zlib' },
      strict: true,
      postQuantum: true,
      remoteIdentification: 'SSH-2.0-x',
      serverHostKey: hostKey,
    });
  });

  it('withstands a quantum computer only by a method that is known to', () => {
    for (const kex of ['curve25519-sha256', 'nothing', 'constructor', 'toString']) {
      expect(of({ negotiated: { ...negotiated, kex } }).postQuantum).toBe(false);
    }
    expect(of({ negotiated: { ...negotiated, kex: 'sntrup761x25519-sha512' } }).postQuantum).toBe(true);
  });

  it('is nothing before there were keys', () => {
    for (const lacking of [{ negotiated: undefined }, { hostKey: undefined }]) {
      expect(() => of(lacking)).toThrow(
        expect.objectContaining({ code: 'ERR_SSH_INTERNAL', origin: 'local' }),
      );
    }
  });
});
