/**
 * The keys of an agent as credentials that are tried.
 *
 * Owns: the order of an agent's keys, which of them are of use, that a certificate
 * of the user is offered for a key that the agent holds, and that an agent that
 * fails or misbehaves costs this one method and not the connection.
 * Must not know: the agent protocol, authentication messages.
 */
import { equalBytes, escapeText, toHex } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { type Certificate, decodeCertificate } from '../../crypto/keys/certificate.ts';
import {
  decodePublicKey,
  decodeSignature,
  encodePublicKey,
  type PublicKey,
} from '../../crypto/keys/publicKey.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import { blobTypeOf, isCertificateName, signatureNameOf } from '../../crypto/specialAlgorithms.ts';
import { type FingerprintHash, fingerprintBy } from '../../keys/fingerprintBy.ts';
import type { UserauthAttempt, UserauthQuestion } from '../../userauth/client.ts';
import { type CandidateContext, PublickeyCandidate } from '../authentication/candidate.ts';
import type { AlgorithmsFor } from '../authentication/userKeys.ts';
import type { Agent, AgentIdentity } from './agent.ts';
import { agentError } from './agentLink.ts';

/** Key sizes are the server's to judge; these bound the arithmetic here. */
const bounds = { rsaMinimumBits: 1024, rsaMaximumBits: 16_384 };

export interface AgentKeysOptions {
  /** Throws `ERR_SSH_AGENT` where there is no agent. */
  readonly open: () => Agent;
  /** Tells it which connection it is to sign for. */
  readonly bind: (agent: Agent) => Promise<void>;
  readonly provider: CryptoProvider;
  /** That keys are shown by. */
  readonly fingerprintHash: FingerprintHash | undefined;
  /** Only these keys, and certificates for them that it holds; all where not given. */
  readonly only: readonly PublicKey[] | undefined;
  /** Certificates of the user for keys that it holds, read when they are needed. */
  readonly certificates: () => Promise<readonly Certificate[]>;
  readonly debug: (line: string) => void;
}

interface Offer {
  /** Whose private half signs. */
  readonly identity: AgentIdentity;
  readonly algorithm: string;
  /** The blob of the identity, or a certificate for its key. */
  readonly blob: Uint8Array;
  /** For people: what is offered. */
  readonly title: string;
}

export class AgentKeys extends PublickeyCandidate {
  private readonly options: AgentKeysOptions;
  private agent: Agent | undefined;
  private offers: Offer[] | undefined;
  private current: Offer | undefined;
  private trouble: string | undefined;

  constructor(options: AgentKeysOptions) {
    super();
    this.options = options;
  }

  get label(): string {
    const { current, trouble } = this;
    const why = trouble === undefined ? '' : `: ${trouble}`;
    if (current === undefined) {
      return this.offers === undefined && trouble === undefined
        ? 'agent'
        : `agent (${trouble ?? 'no key of use in it'})`;
    }
    return `publickey (${current.title}, from the agent${why})`;
  }

  async next({ algorithmsFor }: CandidateContext): Promise<UserauthAttempt | undefined> {
    try {
      this.offers ??= await this.list(algorithmsFor);
    } catch (error) {
      this.giveUp(error);
      return undefined;
    }
    // What an agent refuses concerns one key; once it misbehaves, the whole of it is given up.
    if (this.agent?.isOpen !== true) this.offers = [];
    this.trouble = undefined;
    this.current = this.offers.shift();
    if (this.current === undefined) return undefined;
    const { algorithm, blob } = this.current;
    // A signature may cost its user a touch or a question: the server is asked first whether the key would do.
    return { method: 'publickey', algorithm, publicKey: blob, probe: true };
  }

  /** What is left are other keys; the server wants another one than this. */
  override skipKey(): boolean {
    const done = this.current?.identity;
    this.offers = this.offers?.filter(({ identity }) => identity !== done);
    return (this.offers?.length ?? 0) > 0;
  }

  async sign({
    algorithm,
    publicKey,
    data,
  }: UserauthQuestion & { type: 'signatureWanted' }): Promise<Uint8Array | undefined> {
    try {
      const { agent, current } = this;
      if (agent === undefined || current === undefined) throw agentError('there is no agent');
      const signature = await agent.sign(current.identity.blob, algorithm, data);
      await this.verify(algorithm, publicKey, data, signature);
      return signature;
    } catch (error) {
      this.giveUp(error);
      return undefined;
    }
  }

  override close(): void {
    this.agent?.close();
  }

  private async list(algorithmsFor: AlgorithmsFor): Promise<Offer[]> {
    this.agent = this.options.open();
    await this.options.bind(this.agent);
    const identities = await this.agent.identities();
    const { provider, fingerprintHash } = this.options;
    const shown =
      fingerprintHash === undefined
        ? identities
        : identities.map((identity) => ({
            ...identity,
            fingerprint: fingerprintBy(provider, identity.blob, fingerprintHash),
          }));
    const offers = [
      // Who has a certificate was given it to be used.
      ...certifiedOffers(shown, await this.options.certificates(), algorithmsFor),
      ...shown.flatMap((identity) => {
        const key = this.plainKey(identity);
        return key !== undefined && this.isWanted(key) ? ownOffers(identity, algorithmsFor) : [];
      }),
    ];
    this.options.debug(`the agent holds ${identities.length} keys, ${offers.length} to offer`);
    return offers;
  }

  /** Undefined for types that are not known here: what they would sign cannot be checked. */
  private plainKey({ blob, type }: AgentIdentity): PublicKey | undefined {
    try {
      return isCertificateName(type)
        ? decodeCertificate(blob, bounds).publicKey
        : decodePublicKey(blob, bounds);
    } catch {
      return undefined;
    }
  }

  private isWanted(key: PublicKey): boolean {
    const { only } = this.options;
    if (only === undefined) return true;
    const wanted = toHex(encodePublicKey(key));
    return only.some((one) => toHex(encodePublicKey(one)) === wanted);
  }

  /** What an agent calls a signature is looked at before it goes out. */
  private async verify(
    algorithm: string,
    blob: Uint8Array,
    data: Uint8Array,
    signatureBlob: Uint8Array,
  ): Promise<void> {
    const { provider } = this.options;
    const name = signatureNameOf(algorithm);
    await provider.loaderFor(name)?.();
    const key = isCertificateName(blobTypeOf(algorithm) ?? '')
      ? decodeCertificate(blob, bounds).publicKey
      : decodePublicKey(blob, bounds);
    const { algorithm: made, signature } = decodeSignature(signatureBlob);
    if (made === name && provider.verify(name, key, data, signature)) return;
    throw agentError('the signature that the agent made does not verify');
  }

  private giveUp(error: unknown): void {
    if (!(error instanceof SshError)) throw error;
    this.trouble = error.message;
    this.options.debug(`the agent is of no use: ${error.message}`);
  }
}

function ownOffers(identity: AgentIdentity, algorithmsFor: AlgorithmsFor): Offer[] {
  const { blob, type, fingerprint, comment } = identity;
  const title = `${type} ${fingerprint}${comment === '' ? '' : ` ${comment}`}`;
  return algorithmsFor(type).map((algorithm) => ({ identity, algorithm, blob, title }));
}

/** Certificates in their own order, where the agent holds the plain key. */
function certifiedOffers(
  identities: readonly AgentIdentity[],
  certificates: readonly Certificate[],
  algorithmsFor: AlgorithmsFor,
): Offer[] {
  return certificates.flatMap(({ type, blob, publicKey, keyId }) => {
    const plain = encodePublicKey(publicKey);
    const identity = identities.find((held) => equalBytes(held.blob, plain));
    if (identity === undefined) return [];
    const title = `${type} ${identity.fingerprint}, certificate "${escapeText(keyId, 80)}"`;
    return algorithmsFor(type).map((algorithm) => ({ identity, algorithm, blob, title }));
  });
}
