/**
 * A private key of the caller as a credential that is tried.
 *
 * Owns: that a certificate goes before its key, that nobody is asked for a
 * passphrase unless the server would take the key, and that a key is not worked on
 * for a connection that is over.
 * Must not know: authentication messages, other credentials.
 */

import type { PrivateKey } from '../../crypto/keys/privateKey.ts';
import { encodeSignature } from '../../crypto/keys/publicKey.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import { signatureNameOf } from '../../crypto/specialAlgorithms.ts';
import type { FingerprintHash } from '../../keys/fingerprintBy.ts';
import type { UserauthAttempt, UserauthQuestion } from '../../userauth/client.ts';
import { type CandidateContext, PublickeyCandidate } from './candidate.ts';
import type { NoteCertificate } from './certificates.ts';
import { type KeyWaiter, LockedKey } from './lockedKey.ts';
import { certificatesOf, type KeyOffer, keyLabel, keyOffers, publicHalf, type UserKey } from './userKeys.ts';

export interface OwnKeyContext {
  readonly provider: CryptoProvider;
  /** The key is not offered by itself. */
  readonly certificateOnly: boolean;
  /** Told what is waited for while the key is unlocked. */
  /** That the key is shown by. */
  readonly fingerprintHash: FingerprintHash | undefined;
  readonly waiter: KeyWaiter;
  /** Told of the key once it has signed; undefined where nobody wants it. */
  readonly give: ((key: PrivateKey) => Promise<void>) | undefined;
  /** Told of certificates that turn out not to be for the key once it is unlocked. */
  readonly note: NoteCertificate;
}

export class OwnKey extends PublickeyCandidate {
  private readonly key: UserKey;
  private readonly provider: CryptoProvider;
  private readonly certificateOnly: boolean;
  private readonly fingerprintHash: FingerprintHash | undefined;
  private readonly waiter: KeyWaiter;
  private readonly note: NoteCertificate;
  private give: OwnKeyContext['give'];
  private offers: readonly KeyOffer[] | undefined;
  private index = 0;

  constructor(key: UserKey, context: OwnKeyContext) {
    super();
    const { provider, certificateOnly, fingerprintHash, waiter, note, give } = context;
    this.fingerprintHash = fingerprintHash;
    this.certificateOnly = certificateOnly;
    this.waiter = waiter;
    this.give = give;
    this.note = note;
    this.key = key;
    this.provider = provider;
  }

  get label(): string {
    return keyLabel(this.provider, this.key, this.fingerprintHash);
  }

  async next({ algorithmsFor }: CandidateContext): Promise<UserauthAttempt | undefined> {
    const { key } = this;
    const locked = key instanceof LockedKey ? key : undefined;
    if (publicHalf(key) === undefined) await locked?.unlock(this.waiter);
    const half = publicHalf(key);
    if (half === undefined || locked?.isRefused === true) return undefined;
    this.offers ??= keyOffers(half, certificatesOf(key, this.note), algorithmsFor, this.certificateOnly);
    const offer = this.offers[this.index++];
    if (offer === undefined) return undefined;
    // A person is asked for a passphrase only if the key would do.
    return { method: 'publickey', ...offer, probe: locked !== undefined };
  }

  async sign(question: UserauthQuestion & { type: 'signatureWanted' }): Promise<Uint8Array | undefined> {
    const { key, provider } = this;
    const opened = key instanceof LockedKey ? await key.unlock(this.waiter) : key.key;
    if (opened === undefined) return undefined;
    const algorithm = signatureNameOf(question.algorithm);
    await provider.loaderFor(algorithm)?.();
    const signature = encodeSignature(algorithm, provider.sign(algorithm, opened, question.data));
    const { give } = this;
    this.give = undefined;
    await give?.(opened);
    return signature;
  }

  override close(): void {
    if (this.key instanceof LockedKey) this.key.leave(this.waiter);
  }
}
