/**
 * Servers that change their host keys.
 *
 * Owns: OpenSSH PROTOCOL §2.5 on the client's side: what is asked of a server
 * that announces keys, and what counts as proof. Whatever goes wrong here leaves
 * the connection and everything that is known as they were.
 * Must not know: where keys are kept, files.
 */
import { equalBytes, escapeText } from '../base/bytes.ts';
import type { Limits } from '../base/limits.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { decodePublicKey, decodeSignature } from '../crypto/publicKey.ts';
import { blobTypeOf } from '../crypto/specialAlgorithms.ts';
import { fingerprintBy } from '../keys/fingerprintBy.ts';
import {
  hostKeyProofData,
  hostKeysAnnouncement,
  hostKeysProof,
  hostKeysProve,
} from '../message/globalRequest.ts';
import type { HostKeyInfo, HostKeyRotation } from './hostKeys.ts';

/** Keys a server may announce; it has one of each type, and some while it changes them. */
export const announcedHostKeys = 64;

export interface RotationContext {
  readonly rotation: HostKeyRotation;
  /** The key of this connection. */
  readonly info: HostKeyInfo;
  readonly sessionId: Uint8Array;
  readonly provider: CryptoProvider;
  readonly limits: Limits;
  /** Sends a global request; undefined where it is refused. */
  readonly request: (name: string, payload: Uint8Array) => Promise<Uint8Array | undefined>;
  readonly debug: (line: string) => void;
}

/** Deals with an announcement. Never rejects. */
export async function rotateHostKeys(context: RotationContext, announcement: Uint8Array): Promise<void> {
  try {
    await rotate(context, announcement);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    context.debug(`the host keys that the server announced were not kept: ${why}`);
  }
}

async function rotate(context: RotationContext, announcement: Uint8Array): Promise<void> {
  const { info, rotation, debug } = context;
  // A certificate vouches for the host by itself: nothing of it is kept.
  if (info.certificate !== undefined) return;
  const { hostKeys } = hostKeysAnnouncement.fromBytes(announcement);
  if (hostKeys.length > announcedHostKeys) {
    return debug(
      `the server announced ${hostKeys.length} host keys; at most ${announcedHostKeys} are looked at`,
    );
  }
  const announced = hostKeys.filter((key, i) => hostKeys.findIndex((other) => equalBytes(other, key)) === i);
  const unknown = await rotation.unknown(info, announced);
  if (unknown === undefined) return debug('the host keys that the server announced are of no use here');
  // A key of a type that is not known here could not be checked.
  const added = unknown.filter((key) => isUsable(key, context.limits));
  if (added.length > 0) await prove(context, added);
  const changes = await rotation.keep(info, added, announced);
  if (changes.added + changes.removed === 0) return;
  debug(`known host keys: ${changes.added} added, ${changes.removed} removed`);
  for (const key of added) debug(`added ${fingerprintBy(context.provider, key)}`);
}

/** Each key signs for this very session. @throws Error where one of them does not */
async function prove(context: RotationContext, keys: readonly Uint8Array[]): Promise<void> {
  const { request, provider, sessionId, limits } = context;
  const answer = await request(hostKeysProve.name, hostKeysProve.toBytes({ hostKeys: keys }));
  if (answer === undefined) throw new Error('the server refused to prove that it has them');
  const { signatures } = hostKeysProof.fromBytes(answer);
  if (signatures.length !== keys.length) {
    throw new Error(`the server sent ${signatures.length} proofs for ${keys.length} keys`);
  }
  for (const [i, hostKey] of keys.entries()) {
    const key = decodePublicKey(hostKey, limits);
    const { algorithm, signature } = decodeSignature(signatures[i] ?? new Uint8Array(0));
    const data = hostKeyProofData.toBytes({ purpose: hostKeysProve.name, sessionId, hostKey });
    await provider.loaderFor(algorithm)?.();
    // `ssh-rsa` names a signature that rests on SHA-1 as well as a key.
    const isFitting = blobTypeOf(algorithm) === key.type && algorithm !== 'ssh-rsa';
    if (!isFitting || !provider.verify(algorithm, key, data, signature)) {
      throw new Error(
        `the proof for ${fingerprintBy(provider, hostKey)} by ${escapeText(algorithm, 80)} does not hold`,
      );
    }
  }
}

function isUsable(blob: Uint8Array, limits: Limits): boolean {
  try {
    decodePublicKey(blob, limits);
    return true;
  } catch {
    return false;
  }
}
