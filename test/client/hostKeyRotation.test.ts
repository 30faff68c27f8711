import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import { announcedHostKeys, rotateHostKeys } from '../../src/client/hostKeys/hostKeyRotation.ts';
import {
  describeHostKey,
  type HostKeyDial,
  type HostKeyRotation,
  type KeptHostKeys,
} from '../../src/client/hostKeys/hostKeys.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { encodePublicKey, encodeSignature } from '../../src/crypto/keys/publicKey.ts';
import { fingerprint } from '../../src/keys/fingerprint.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import {
  hostKeyProofData,
  hostKeysAnnouncement,
  hostKeysProof,
  hostKeysProve,
} from '../../src/message/globalRequest.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { defaultPreferences } from '../../src/transport/kex/negotiation.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { makeCertificate, testProvider } from '../support/certificates.ts';
import { seededBytes } from '../support/conversation.ts';

const keys = [71, 72].map((seed) => generateKey('ed25519', { randomBytes: seededBytes(seed) }));
const rsa = generateKey('rsa', { randomBytes: seededBytes(73), bits: 2048 });
const [ours, next] = keys as [PrivateKey, PrivateKey];
const blobOf = (key: PrivateKey): Uint8Array => encodePublicKey(key.publicKey);
const sessionId = new Uint8Array(32).fill(9);

/** As the options have them by default: ECDSA for hosts that are known by it, and no SHA-1. */
const algorithms = [...defaultPreferences.hostKey, ...(defaultPreferences.wider?.hostKey ?? [])];
const noDial: HostKeyDial = {
  warn: () => {},
  whileLocked: () => Promise.reject(new Error('must not wait')),
};

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
  allowed: readonly string[] = algorithms,
  changes: Partial<KeptHostKeys> = {},
): Promise<{
  readonly kept: readonly Uint8Array[] | undefined;
  /** Of the announced keys those that the host counts as having. */
  readonly current: readonly Uint8Array[] | undefined;
  readonly asked: number;
  readonly debug: string;
}> {
  let kept: readonly Uint8Array[] | undefined;
  let current: readonly Uint8Array[] | undefined;
  let asked = 0;
  const debug: string[] = [];
  await rotateHostKeys(
    {
      info: describeHostKey(testProvider, 'host', 22, blobOf(ours), 'ssh-ed25519'),
      sessionId,
      provider: testProvider,
      limits: defaultLimits,
      algorithms: allowed,
      dial: { ...noDial, warn: (line) => debug.push(`warning: ${line}`) },
      rotation: {
        unknown,
        keep: async (_info, proved, all) => {
          kept = proved;
          current = all;
          return { added: proved.length, removed: 0, ...changes };
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
  return { kept, current, asked, debug: debug.join('\n') };
}

describe('OpenSSH PROTOCOL §2.5: host keys that a server announces', () => {
  it('are kept once each has signed for this session', async () => {
    const announced = [blobOf(ours), blobOf(next), blobOf(rsa)];
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
      () => proofs(proof(ours, 'ssh-ed25519', sessionId, blobOf(next))),
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
    const { kept, debug } = await follow([blobOf(ours), blobOf(next)], answer);
    expect(kept).toBeUndefined();
    expect(debug).toContain(words);
  });

  it('are told of: what was added and removed, and what could not be', async () => {
    const told = async (
      announced: readonly PrivateKey[],
      changes: Partial<KeptHostKeys>,
    ): Promise<string> => {
      const { debug } = await follow(
        announced.map(blobOf),
        () => proofs(proof(next)),
        undefined,
        undefined,
        changes,
      );
      return debug;
    };
    const added = `added ${fingerprint(next.publicKey)}`;
    expect(await told([ours, next], {})).toBe(`known host keys: 1 added, 0 removed\n${added}`);
    expect(await told([ours], { removed: 2 })).toBe('known host keys: 0 added, 2 removed');
    expect(await told([ours], {})).toBe('');
    expect(await told([ours], { remains: 'they stand in another file' })).toBe(
      'warning: host keys that host has no longer are still known: they stand in another file',
    );
  });

  it('are not kept on a proof that rests on SHA-1, which says nothing against the others', async () => {
    const old = encodeSignature('ssh-rsa', new Uint8Array(256));
    const alone = await follow([blobOf(ours), blobOf(rsa)], () => proofs(old));
    expect(alone.kept).toBeUndefined();
    const { kept, current, debug } = await follow([blobOf(ours), blobOf(rsa), blobOf(next)], () =>
      proofs(old, proof(next)),
    );
    expect(kept).toEqual([blobOf(next)]);
    // The host has it all the same.
    expect(current).toEqual([blobOf(ours), blobOf(rsa), blobOf(next)]);
    expect(debug).toContain('SHA-1');
    // A proof that does not hold is another matter: all of it is in doubt then.
    const wrong = proof(ours, 'ssh-ed25519', sessionId, blobOf(next));
    expect(
      (await follow([blobOf(ours), blobOf(rsa), blobOf(next)], () => proofs(old, wrong))).kept,
    ).toBeUndefined();
  });

  it('are kept on a proof that rests on SHA-1 where the options allow that', async () => {
    const provider = createOpensslProvider();
    const data = hostKeyProofData.toBytes({ purpose: hostKeysProve.name, sessionId, hostKey: blobOf(rsa) });
    const old = encodeSignature('ssh-rsa', provider.sign('ssh-rsa', rsa, data));
    const all = [blobOf(ours), blobOf(rsa)];
    expect((await follow(all, () => proofs(old), undefined, [...algorithms, 'ssh-rsa'])).kept).toEqual([
      blobOf(rsa),
    ]);
    const wrong = encodeSignature('ssh-rsa', new Uint8Array(256));
    expect(
      (await follow(all, () => proofs(wrong), undefined, [...algorithms, 'ssh-rsa'])).kept,
    ).toBeUndefined();
  });

  it('of types that algorithms.hostKey leaves out are not asked about, and the host counts as not having them', async () => {
    const strange = new WireWriter().text('ssh-later@example.com').text('x').copyWritten();
    const announced = [blobOf(rsa), blobOf(ours), blobOf(next), strange];
    let seen: readonly Uint8Array[] = [];
    const { kept, current, asked } = await follow(
      announced,
      (payload) => {
        expect(hostKeysProve.fromBytes(payload).hostKeys).toEqual([blobOf(next)]);
        return proofs(proof(next));
      },
      async (info, all) => {
        seen = all;
        return all.filter((key) => String(key) !== String(info.blob));
      },
      ['ssh-ed25519'],
    );
    expect(asked).toBe(1);
    expect(kept).toEqual([blobOf(next)]);
    // Keys of types that are not known here are nobody's to forget.
    expect(seen).toEqual([blobOf(ours), blobOf(next), strange]);
    expect(current).toEqual(seen);
  });

  it('count as had where they are in use, whatever their type', async () => {
    const { current } = await follow(
      [blobOf(ours), blobOf(rsa)],
      () => proofs(proof(rsa, 'rsa-sha2-512')),
      undefined,
      ['rsa-sha2-512'],
    );
    expect(current).toEqual([blobOf(ours), blobOf(rsa)]);
  });

  it('are kept without a proof of the one in use: the key exchange has proved it', async () => {
    const { kept } = await follow(
      [blobOf(ours), blobOf(next)],
      (payload) => {
        expect(hostKeysProve.fromBytes(payload).hostKeys).toEqual([blobOf(next)]);
        return proofs(proof(next));
      },
      async (_info, all) => all,
    );
    expect(kept).toEqual([blobOf(ours), blobOf(next)]);
    const alone = await follow(
      [blobOf(ours)],
      () => undefined,
      async (_info, all) => all,
    );
    expect(alone).toMatchObject({ kept: [blobOf(ours)], asked: 0 });
  });

  it('are not looked at where the one in use is not among them', async () => {
    expect(await follow([blobOf(next)], () => proofs(proof(next)))).toMatchObject({
      kept: undefined,
      asked: 0,
    });
  });

  it('are asked about once, however often one is named, and not at all where they are of no known type', async () => {
    const strange = Uint8Array.of(0, 0, 0, 1, 0x61);
    const announced = [blobOf(ours), strange, blobOf(next), blobOf(next)];
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
    const certificate = makeCertificate({ key: ours.publicKey, authority: next });
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
        algorithms,
        dial: noDial,
        rotation: { unknown: ask, keep: ask },
        request: ask,
        debug: () => {},
      },
      hostKeysAnnouncement.toBytes({ hostKeys: [blobOf(ours), blobOf(next)] }),
    );
    expect(asked).toBe(0);
  });

  it('of a malformed announcement harm nothing', async () => {
    const debug: string[] = [];
    await rotateHostKeys(
      {
        info: describeHostKey(testProvider, 'host', 22, blobOf(ours), 'ssh-ed25519'),
        sessionId,
        provider: testProvider,
        limits: defaultLimits,
        algorithms,
        dial: noDial,
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
