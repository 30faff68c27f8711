/** When payloads are compressed, without a peer (RFC 4253 §6.2). */
import { describe, expect, it } from 'vitest';
import { compressionSlot } from '../../src/packet/compressionCode.ts';
import { Deflater } from '../../src/packet/deflate.ts';
import { Inflater } from '../../src/packet/inflate.ts';
import type { PacketOpener } from '../../src/packet/opener.ts';
import type { PacketSealer } from '../../src/packet/sealer.ts';
import { beforeAuthentication, Compression, wantsZlib } from '../../src/transport/compression.ts';
import { defaultPreferences, type NegotiatedAlgorithms } from '../../src/transport/kex/negotiation.ts';
import { codeOf } from '../crypto/support.ts';

compressionSlot.fill({ Deflater, Inflater });

const preferring = (...compression: readonly string[]) => ({ ...defaultPreferences, compression });

describe('before the user is known', () => {
  it.each([
    [['none'], ['none']],
    [
      ['zlib@openssh.com', 'none'],
      ['zlib@openssh.com', 'none'],
    ],
    [['zlib'], ['none']],
    [['zlib', 'zlib@openssh.com'], ['zlib@openssh.com']],
    [['zlib', 'none'], ['none']],
  ])('of %j is offered %j', (wanted, offered) => {
    expect(beforeAuthentication(preferring(...wanted))).toEqual(preferring(...offered));
  });
});

describe('afterwards', () => {
  const negotiated = (compression: string): NegotiatedAlgorithms => {
    const direction = { cipher: 'aes256-ctr', mac: 'hmac-sha2-256' };
    return {
      kex: 'curve25519-sha256',
      hostKey: 'ssh-ed25519',
      clientToServer: { ...direction, compression },
      serverToClient: { ...direction, compression: 'none' },
    };
  };
  const wants = (ours: readonly string[], theirs: readonly string[], now: string | undefined): boolean =>
    wantsZlib(preferring(...ours), {
      negotiated: now === undefined ? undefined : negotiated(now),
      peerCompressions: theirs,
    });

  it.each([
    [['zlib', 'none'], ['none', 'zlib'], 'none', true],
    [['none', 'zlib'], ['none', 'zlib'], 'none', false],
    [['zlib', 'none'], ['none'], 'none', false],
    [['zlib'], ['zlib'], 'none', true],
    [['zlib@openssh.com', 'zlib'], ['zlib@openssh.com', 'zlib'], 'zlib@openssh.com', false],
    [['zlib@openssh.com', 'none'], ['zlib@openssh.com', 'zlib'], 'none', false],
    [['zlib'], ['zlib'], undefined, false],
  ])('who wants %j of a peer with %j where %s was agreed on asks for zlib: %s', (ours, theirs, now, asks) => {
    expect(wants(ours, theirs, now)).toBe(asks);
  });

  it('nothing in common ends', () => {
    expect(codeOf(() => wants(['zlib'], ['none'], 'none'))).toBe('ERR_SSH_NO_COMMON_ALGORITHM');
    expect(codeOf(() => wants(['zlib'], [], 'none'))).toBe('ERR_SSH_NO_COMMON_ALGORITHM');
  });
});

describe('compression', () => {
  /** What opener and sealer were told, in order. */
  function recorded(): { readonly told: unknown[]; readonly compression: Compression } {
    const told: unknown[] = [];
    const kind = (stream: unknown): unknown =>
      stream instanceof Deflater ? 'deflate' : stream instanceof Inflater ? 'inflate' : stream;
    const opener = { decompressWith: (stream: unknown) => void told.push(['in', kind(stream)]) };
    const sealer = { compressWith: (stream: unknown) => void told.push(['out', kind(stream)]) };
    return {
      told,
      compression: new Compression(
        opener as unknown as PacketOpener,
        sealer as unknown as PacketSealer,
        100_000,
        false,
      ),
    };
  }

  it.each(['zlib@openssh.com', 'zlib'])('of %s begins with SUCCESS, and anew with every key', (name) => {
    const { told, compression } = recorded();
    compression.sealWith(name);
    compression.openWith(name);
    expect(told).toEqual([]);
    compression.beginIncoming();
    expect(told.splice(0)).toEqual([['in', 'inflate']]);
    compression.sealWith(name);
    expect(told).toEqual([]);
    compression.beginOutgoing();
    expect(told.splice(0)).toEqual([['out', 'deflate']]);
    compression.openWith(name);
    compression.sealWith(name);
    expect(told.splice(0)).toEqual([
      ['in', 'inflate'],
      ['out', 'deflate'],
    ]);
    compression.openWith('none');
    compression.sealWith('none');
    expect(told).toEqual([
      ['in', undefined],
      ['out', undefined],
    ]);
  });

  it('is none where none was agreed on', () => {
    const { told, compression } = recorded();
    compression.beginIncoming();
    compression.beginOutgoing();
    expect(told).toEqual([
      ['in', undefined],
      ['out', undefined],
    ]);
  });
});
