import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import { announcedHostKeys, rotateHostKeys } from '../../src/client/hostKeyRotation.ts';
import { describeHostKey, type HostKeyRotation } from '../../src/client/hostKeys.ts';
import type { PrivateKey } from '../../src/crypto/privateKey.ts';
import { encodePublicKey, encodeSignature } from '../../src/crypto/publicKey.ts';
import { generateKey } from '../../src/keys/generateKey.ts';
import {
  hostKeyProofData,
  hostKeysAnnouncement,
  hostKeysProof,
  hostKeysProve,
} from '../../src/message/globalRequest.ts';
import { makeCertificate, testProvider } from '../support/certificates.ts';
import { seededBytes } from '../support/conversation.ts';

const keys = [71, 72].map((seed) => generateKey('ed25519', { randomBytes: seededBytes(seed) }));
const rsa = generateKey('rsa', { randomBytes: seededBytes(73), bits: 2048 });
const [current, next] = keys as [PrivateKey, PrivateKey];
const blobOf = (key: PrivateKey): Uint8Array => encodePublicKey(key.publicKey);
const sessionId = new Uint8Array(32).fill(9);

type Answer = (payload: Uint8Array) => Uint8Array | undefined;

const proof = (
  key: PrivateKey,
  algorithm: string = key.type,
  session = sessionId,
  shown = blobOf(key),
): Uint8Array => {
  const data = hostKeyProofData.toBytes({ purpose: hostKeysProve.name, sessionId: session, hostKey: shown });
  return encodeSignature(algorithm, testProvider.sign(algorithm, key, data));
};
const proofs = (...signatures: Uint8Array[]): Uint8Array => hostKeysProof.toBytes({ signatures });

/** What was kept; undefined where nothing was. */
async function follow(
  announced: readonly Uint8Array[],
  answer: Answer,
  unknown: HostKeyRotation['unknown'] = async (info, all) =>
    all.filter((key) => String(key) !== String(info.blob)),
): Promise<{
  readonly kept: readonly Uint8Array[] | undefined;
  readonly asked: number;
  readonly debug: string;
}> {
  let kept: readonly Uint8Array[] | undefined;
  let asked = 0;
  const debug: string[] = [];
  await rotateHostKeys(
    {
      info: describeHostKey(testProvider, 'host', 22, blobOf(current), 'ssh-ed25519'),
      sessionId,
      provider: testProvider,
      limits: defaultLimits,
      rotation: {
        unknown,
        keep: async (_info, proved) => {
          kept = proved;
          return { added: proved.length, removed: 0 };
        },
      },
      request: async (name, payload) => {
        expect(name).toBe('hostkeys-prove-00@openssh.com');
        asked++;
        return answer(payload);
      },
      debug: (line) => debug.push(line),
    },
    hostKeysAnnouncement.toBytes({ hostKeys: announced }),
  );
  return { kept, asked, debug: debug.join('\n') };
}

describe('OpenSSH PROTOCOL §2.5: host keys that a server announces', () => {
  it('are kept once each has signed for this session', async () => {
    const announced = [blobOf(current), blobOf(next), blobOf(rsa)];
    for (const algorithm of ['rsa-sha2-256', 'rsa-sha2-512']) {
      const { kept, asked } = await follow(announced, (payload) => {
        expect(hostKeysProve.fromBytes(payload).hostKeys).toEqual([blobOf(next), blobOf(rsa)]);
        return proofs(proof(next), proof(rsa, algorithm));
      });
      expect(kept).toEqual([blobOf(next), blobOf(rsa)]);
      expect(asked).toBe(1);
    }
  });

  it.each<[string, Answer, string]>([
    ['the server refuses to prove', () => undefined, 'refused to prove'],
    [
      'another key signed for',
      () => proofs(proof(current, 'ssh-ed25519', sessionId, blobOf(next))),
      'does not hold',
    ],
    [
      'were signed for in another session',
      () => proofs(proof(next, 'ssh-ed25519', new Uint8Array(32))),
      'does not hold',
    ],
    ['come with no proof', () => proofs(), '0 proofs for 1 keys'],
    ['come with proofs too many', () => proofs(proof(next), proof(next)), '2 proofs for 1 keys'],
    ['come with a malformed answer', () => Uint8Array.of(0, 0, 0, 9, 1), 'malformed'],
    ['come with a malformed proof', () => proofs(new Uint8Array(3)), 'malformed'],
  ])('are not kept where %s', async (_name, answer, words) => {
    const { kept, debug } = await follow([blobOf(current), blobOf(next)], answer);
    expect(kept).toBeUndefined();
    expect(debug).toContain(words);
  });

  it('are not kept on a proof that rests on SHA-1', async () => {
    const old = encodeSignature('ssh-rsa', new Uint8Array(256));
    expect((await follow([blobOf(current), blobOf(rsa)], () => proofs(old))).kept).toBeUndefined();
  });

  it('are asked about once, however often one is named, and not at all where they are of no known type', async () => {
    const strange = Uint8Array.of(0, 0, 0, 1, 0x61);
    const announced = [blobOf(current), strange, blobOf(next), blobOf(next)];
    const { kept } = await follow(announced, (payload) => {
      expect(hostKeysProve.fromBytes(payload).hostKeys).toHaveLength(1);
      return proofs(proof(next));
    });
    expect(kept).toEqual([blobOf(next)]);
  });

  it('are not looked at where there are too many, or the host is not to be followed', async () => {
    const many = Array.from({ length: announcedHostKeys + 1 }, () => blobOf(next));
    expect(await follow(many, () => undefined)).toMatchObject({ kept: undefined, asked: 0 });
    expect(
      await follow(
        [blobOf(next)],
        () => undefined,
        async () => undefined,
      ),
    ).toMatchObject({ asked: 0 });
  });

  it('OpenSSH PROTOCOL §2.5: teach nothing where a certificate vouched for the host', async () => {
    const certificate = makeCertificate({ key: current.publicKey, authority: next });
    const info = describeHostKey(testProvider, 'host', 22, certificate, 'ssh-ed25519-cert-v01@openssh.com');
    expect(info.certificate).toBeDefined();
    let asked = 0;
    const ask = async (): Promise<never> => {
      asked++;
      throw new Error('must not be asked');
    };
    await rotateHostKeys(
      {
        info,
        sessionId,
        provider: testProvider,
        limits: defaultLimits,
        rotation: { unknown: ask, keep: ask },
        request: ask,
        debug: () => {},
      },
      hostKeysAnnouncement.toBytes({ hostKeys: [blobOf(current), blobOf(next)] }),
    );
    expect(asked).toBe(0);
  });

  it('of a malformed announcement harm nothing', async () => {
    const debug: string[] = [];
    await rotateHostKeys(
      {
        info: describeHostKey(testProvider, 'host', 22, blobOf(current), 'ssh-ed25519'),
        sessionId,
        provider: testProvider,
        limits: defaultLimits,
        rotation: {
          unknown: () => Promise.reject(new Error('must not be asked')),
          keep: () => Promise.reject(new Error('must not be asked')),
        },
        request: () => Promise.reject(new Error('must not be asked')),
        debug: (line) => debug.push(line),
      },
      Uint8Array.of(0, 0, 1),
    );
    expect(debug.join()).toContain('malformed');
  });
});
