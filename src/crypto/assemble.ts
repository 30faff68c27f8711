/**
 * A provider out of its parts.
 *
 * Owns: the composition, and which code each negotiated name needs.
 * Must not know: whether the parts run in TypeScript or in OpenSSL.
 */
import { ecdhAgreement, mlKem768Encapsulation, x25519Agreement } from './agreements.ts';
import { ciphers } from './algorithms.ts';
import { createDhAgreement } from './dh.ts';
import type { Primitives } from './primitives.ts';
import type { CryptoProvider, CurveName } from './provider.ts';
import { createSignature, verifySignature } from './signatures.ts';
import type { Loadable } from './slot.ts';

/** The provider over `parts`. Wire rules and checks are the same for all of them. */
export function assembleProvider(parts: Primitives): CryptoProvider {
  const { randomBytes } = parts;
  const ecdh = (curve: CurveName) => ecdhAgreement(curve, parts.nistCurves[curve], randomBytes);
  const agreements = { nistp256: ecdh('nistp256'), nistp384: ecdh('nistp384'), nistp521: ecdh('nistp521') };
  return {
    name: parts.name,
    randomBytes,
    createHash: parts.createHash,
    createHmac: parts.createHmac,
    x25519: x25519Agreement(parts.curve25519, randomBytes),
    ecdh: (curve) => agreements[curve],
    dh: (group) => createDhAgreement(group, randomBytes),
    mlKem768: mlKem768Encapsulation(parts.mlKem768, randomBytes),
    verify: (algorithm, key, data, signature) => verifySignature(parts, algorithm, key, data, signature),
    sign: (algorithm, key, data) => createSignature(parts, algorithm, key, data),
    createOpeningCipher: (keys) => parts.packetCiphers.use().createOpeningCipher(keys),
    createSealingCipher: (keys) => parts.packetCiphers.use().createSealingCipher(keys),
    loaderFor(algorithm) {
      const missing = codeFor(parts, algorithm).filter((slot) => !slot.ready);
      return missing.length === 0 ? undefined : () => loadEach(missing);
    },
  };
}

async function loadEach(slots: readonly Loadable[]): Promise<void> {
  await Promise.all(slots.map((slot) => slot.load()));
}

const certificateSuffix = '-cert-v01@openssh.com';

function codeFor(parts: Primitives, algorithm: string): readonly Loadable[] {
  const { curve25519, nistCurves, mlKem768, packetCiphers } = parts;
  // A certificate's own key is of the type it names; that of its authority may be of any.
  if (algorithm.endsWith(certificateSuffix)) return [curve25519, ...Object.values(nistCurves)];
  if (Object.hasOwn(ciphers, algorithm)) return [packetCiphers];
  switch (algorithm) {
    case 'mlkem768x25519-sha256':
      return [mlKem768, curve25519];
    case 'curve25519-sha256':
    case 'curve25519-sha256@libssh.org':
    case 'ssh-ed25519':
    case 'sk-ssh-ed25519@openssh.com':
      return [curve25519];
    case 'ecdh-sha2-nistp256':
    case 'ecdsa-sha2-nistp256':
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      return [nistCurves.nistp256];
    case 'ecdh-sha2-nistp384':
    case 'ecdsa-sha2-nistp384':
      return [nistCurves.nistp384];
    case 'ecdh-sha2-nistp521':
    case 'ecdsa-sha2-nistp521':
      return [nistCurves.nistp521];
    default:
      return [];
  }
}
