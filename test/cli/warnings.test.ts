import { describe, expect, it } from 'vitest';
import { warningsAbout } from '../../src/cli/connection/warnings.ts';
import type { NegotiatedSummary } from '../../src/client/negotiated.ts';
import { type KexName, kexMethods } from '../../src/crypto/algorithms.ts';

const modern: NegotiatedSummary = {
  kex: 'mlkem768x25519-sha256',
  hostKey: 'ssh-ed25519',
  cipher: { clientToServer: 'aes128-gcm@openssh.com', serverToClient: 'aes128-gcm@openssh.com' },
  mac: { clientToServer: undefined, serverToClient: undefined },
  compression: { clientToServer: 'none', serverToClient: 'none' },
  strict: true,
  postQuantum: true,
  remoteIdentification: 'SSH-2.0-x',
  serverHostKey: new Uint8Array(0),
};

describe('-v', () => {
  it('has nothing to warn about where all is well', () => {
    expect(warningsAbout(modern)).toEqual([]);
  });

  it.each(Object.keys(kexMethods) as KexName[])(
    'warns where %s is not safe against quantum computers',
    (kex) => {
      const { postQuantum } = kexMethods[kex];
      const warnings = warningsAbout({ ...modern, kex, postQuantum });
      const about = warnings.filter((line) => line.includes('quantum computers'));
      expect(about).toHaveLength(kex.startsWith('mlkem') || kex.startsWith('sntrup') ? 0 : 1);
      for (const line of about) expect(line).toContain(kex);
    },
  );

  it('warns of each algorithm that is legacy, once', () => {
    const cipher = { clientToServer: '3des-cbc', serverToClient: '3des-cbc' };
    const mac = { clientToServer: 'hmac-sha1', serverToClient: 'hmac-sha2-256' };
    const warnings = warningsAbout({ ...modern, hostKey: 'ssh-rsa', cipher, mac });
    expect(warnings.map((line) => line.split(' ')[1])).toEqual(['ssh-rsa', '3des-cbc', 'hmac-sha1']);
  });
});
