/**
 * A provider out of its parts.
 *
 * Owns: the composition, and which code each negotiated name needs.
 * Must not know: whether the parts run in TypeScript or in OpenSSL.
 */

import { type CipherName, ciphers, type MacName, macs } from '../algorithms.ts';
import {
  ecdhAgreement,
  mlKem768Encapsulation,
  sntrup761Encapsulation,
  x448Agreement,
  x25519Agreement,
} from '../kex/agreements.ts';
import { createDhAgreement } from '../kex/dh.ts';
import { createSignature, verifySignature } from '../keys/signatures.ts';
import { isCertificateName } from '../specialAlgorithms.ts';
import type { Primitives } from './primitives.ts';
import type { CryptoProvider, CurveName } from './provider.ts';
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
    x448: x448Agreement(parts.curve448, randomBytes),
    ecdh: (curve) => agreements[curve],
    dh: (group) => parts.dh?.(group) ?? createDhAgreement(group, randomBytes),
    mlKem768: mlKem768Encapsulation(parts.mlKem768, randomBytes),
    sntrup761: sntrup761Encapsulation(parts.sntrup761, randomBytes),
    verify: (algorithm, key, data, signature) => verifySignature(parts, algorithm, key, data, signature),
    sign: (algorithm, key, data) => createSignature(parts, algorithm, key, data),
    keep: (key) => {
      if (key.type === 'ssh-rsa') parts.rsa.keep?.(key);
    },
    createOpeningCipher: (keys) => parts.packetCiphers(keys.cipher).use().createOpeningCipher(keys),
    createSealingCipher: (keys) => parts.packetCiphers(keys.cipher).use().createSealingCipher(keys),
    loaderFor(algorithm) {
      const missing = codeFor(parts, algorithm).filter((slot) => !slot.ready);
      return missing.length === 0 ? undefined : () => loadEach(missing);
    },
  };
}

async function loadEach(slots: readonly Loadable[]): Promise<void> {
  await Promise.all(slots.map((slot) => slot.load()));
}

function codeFor(parts: Primitives, algorithm: string): readonly Loadable[] {
  const { curve25519, nistCurves, mlKem768 } = parts;
  // A certificate's own key is of the type it names; that of its authority may be of any.
  if (isCertificateName(algorithm)) return [curve25519, ...Object.values(nistCurves)];
  if (isCipher(algorithm)) {
    const packetCiphers = parts.packetCiphers(algorithm);
    return algorithm.endsWith('-cbc') ? [packetCiphers, parts.rareCode.cbc] : [packetCiphers];
  }
  if (isMac(algorithm)) return macs[algorithm].hash === 'umac' ? [parts.rareCode.umac] : [];
  switch (algorithm) {
    case 'mlkem768x25519-sha256':
      return [mlKem768, curve25519];
    case 'sntrup761x25519-sha512':
    case 'sntrup761x25519-sha512@openssh.com':
      return [parts.sntrup761, curve25519];
    case 'curve448-sha512':
    case 'ssh-ed448':
      return [parts.curve448];
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

function isCipher(algorithm: string): algorithm is CipherName {
  return Object.hasOwn(ciphers, algorithm);
}

function isMac(algorithm: string): algorithm is MacName {
  return Object.hasOwn(macs, algorithm);
}
