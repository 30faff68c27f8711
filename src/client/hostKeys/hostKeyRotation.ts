/**
 * Servers that change their host keys.
 *
 * Owns: OpenSSH PROTOCOL §2.5 on the client's side: which of the keys that a
 * server announces are looked at, what it is asked, and what counts as proof.
 * Whatever goes wrong here leaves the connection and everything that is known as
 * they were.
 * Must not know: where keys are kept, files.
 */
import { equalBytes, escapeText } from '../../base/bytes.ts';
import type { Limits } from '../../base/limits.ts';
import { signatureAlgorithms } from '../../crypto/algorithms.ts';
import { decodePublicKey, decodeSignature } from '../../crypto/keys/publicKey.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import { blobTypeOf, specialAlgorithms } from '../../crypto/specialAlgorithms.ts';
import { fingerprintBy, hashOfFingerprint } from '../../keys/fingerprintBy.ts';
import {
  hostKeyProofData,
  hostKeysAnnouncement,
  hostKeysProof,
  hostKeysProve,
} from '../../message/globalRequest.ts';
import { WireReader } from '../../wire/reader.ts';
import { shownHost } from '../dial/hostName.ts';
import type { HostKeyDial, HostKeyInfo, HostKeyRotation } from './hostKeys.ts';

/** Keys a server may announce; it has one of each type, and some while it changes them. */
export const announcedHostKeys = 64;

export interface RotationContext {
  readonly rotation: HostKeyRotation;
  /** The key of this connection. */
  readonly info: HostKeyInfo;
  readonly sessionId: Uint8Array;
  readonly provider: CryptoProvider;
  readonly limits: Limits;
  /** Those that `algorithms.hostKey` allows, and those that it would for a host that is known by them. */
  readonly algorithms: readonly string[];
  readonly dial: HostKeyDial;
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
  if (!hostKeys.some((key) => equalBytes(key, info.blob))) {
    return debug('the server did not announce the host key that it has shown');
  }
  const announced = hostKeys
    .filter((key, i) => hostKeys.findIndex((other) => equalBytes(other, key)) === i)
    .filter((key) => equalBytes(key, info.blob) || !isExcluded(key, context.algorithms));
  const unknown = await rotation.unknown(info, announced);
  if (unknown === undefined) return debug('the host keys that the server announced are of no use here');
  // A key of a type that is not known here could not be checked.
  const wanted = unknown.filter((key) => isUsable(key, context.limits));
  const added = await proved(context, wanted);
  if (wanted.length > 0 && added.length === 0) return;
  const changes = await rotation.keep(info, added, announced, context.dial);
  if (changes.remains !== undefined) {
    context.dial.warn(`host keys that ${shownHost(info)} has no longer are still known: ${changes.remains}`);
  }
  if (changes.added + changes.removed === 0) return;
  debug(`known host keys: ${changes.added} added, ${changes.removed} removed`);
  for (const key of added) debug(`added ${shownKey(context, key)}`);
}

/**
 * Whether a key would never be asked for: of a type that this library has, and
 * that `algorithms.hostKey` leaves out. The server is taken to have it no longer.
 */
function isExcluded(blob: Uint8Array, algorithms: readonly string[]): boolean {
  const type = typeOf(blob);
  const every = [...Object.keys(signatureAlgorithms), ...Object.keys(specialAlgorithms)];
  const isOf = (algorithm: string): boolean => blobTypeOf(algorithm) === type;
  return every.some(isOf) && !algorithms.some(isOf);
}

function typeOf(blob: Uint8Array): string | undefined {
  try {
    return new WireReader(blob).name();
  } catch {
    return undefined;
  }
}

/**
 * Those of the keys that sign for this very session. The one that this connection
 * rests on has done so.
 *
 * @throws Error where a proof does not hold
 */
async function proved(context: RotationContext, keys: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const { request, info, debug } = context;
  const asked = keys.filter((key) => !equalBytes(key, info.blob));
  if (asked.length === 0) return keys;
  const answer = await request(hostKeysProve.name, hostKeysProve.toBytes({ hostKeys: asked }));
  if (answer === undefined) throw new Error('the server refused to prove that it has them');
  const { signatures } = hostKeysProof.fromBytes(answer);
  if (signatures.length !== asked.length) {
    throw new Error(`the server sent ${signatures.length} proofs for ${asked.length} keys`);
  }
  const doubtful = new Set<Uint8Array>();
  for (const [i, hostKey] of asked.entries()) {
    const signature = decodeSignature(signatures[i] ?? new Uint8Array(0));
    if (await isProof(context, hostKey, signature)) continue;
    doubtful.add(hostKey);
    debug(`not added: ${shownKey(context, hostKey)} was proved by SHA-1 (ssh-rsa) only`);
  }
  return keys.filter((key) => !doubtful.has(key));
}

/**
 * Whether a signature counts. One by `ssh-rsa`, which names a signature that
 * rests on SHA-1 as well as a key, counts where that is allowed; it says nothing
 * against the other keys.
 *
 * @throws Error where it does not hold
 */
async function isProof(
  context: RotationContext,
  hostKey: Uint8Array,
  { algorithm, signature }: ReturnType<typeof decodeSignature>,
): Promise<boolean> {
  const { provider, sessionId, limits, algorithms } = context;
  const key = decodePublicKey(hostKey, limits);
  const isFitting = blobTypeOf(algorithm) === key.type;
  if (isFitting && algorithm === 'ssh-rsa' && !algorithms.includes(algorithm)) return false;
  const data = hostKeyProofData.toBytes({ purpose: hostKeysProve.name, sessionId, hostKey });
  await provider.loaderFor(algorithm)?.();
  if (isFitting && provider.verify(algorithm, key, data, signature)) return true;
  throw new Error(
    `the proof for ${shownKey(context, hostKey)} by ${escapeText(algorithm, 80)} does not hold`,
  );
}

/** As the key of this connection is shown. */
function shownKey({ provider, info }: RotationContext, key: Uint8Array): string {
  return fingerprintBy(provider, key, hashOfFingerprint(info.fingerprint));
}

function isUsable(blob: Uint8Array, limits: Limits): boolean {
  try {
    decodePublicKey(blob, limits);
    return true;
  } catch {
    return false;
  }
}
