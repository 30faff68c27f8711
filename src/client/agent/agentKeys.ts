/**
 * The keys of an agent as credentials that are tried.
 *
 * Owns: the order of an agent's keys, which of them are of use, and that an
 * agent that fails or misbehaves costs this one method and not the connection.
 * Must not know: the agent protocol, authentication messages.
 */
import { toHex } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { decodeCertificate } from '../../crypto/keys/certificate.ts';
import {
  decodePublicKey,
  decodeSignature,
  encodePublicKey,
  type PublicKey,
} from '../../crypto/keys/publicKey.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import { blobTypeOf, isCertificateName, signatureNameOf } from '../../crypto/specialAlgorithms.ts';
import type { UserauthAttempt, UserauthQuestion } from '../../userauth/client.ts';
import { publickeyAlgorithmsFor } from '../../userauth/signatureAlgorithms.ts';
import { type CandidateContext, PublickeyCandidate } from '../authentication/candidate.ts';
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
  /** Signature algorithms that the user's options name. */
  readonly named: readonly string[];
  /** Only these keys, and certificates for them; all where not given. */
  readonly only: readonly PublicKey[] | undefined;
  readonly debug: (line: string) => void;
}

interface Offer {
  readonly identity: AgentIdentity;
  readonly algorithm: string;
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
    const { type, fingerprint, comment } = current.identity;
    return `publickey (${type} ${fingerprint}${comment === '' ? '' : ` ${comment}`}, from the agent${why})`;
  }

  async next({ serverSigAlgs }: CandidateContext): Promise<UserauthAttempt | undefined> {
    try {
      this.offers ??= await this.list(serverSigAlgs);
    } catch (error) {
      this.giveUp(error);
      return undefined;
    }
    // What an agent refuses concerns one key; once it misbehaves, the whole of it is given up.
    if (this.agent?.isOpen !== true) this.offers = [];
    this.trouble = undefined;
    this.current = this.offers.shift();
    if (this.current === undefined) return undefined;
    const { identity, algorithm } = this.current;
    // A signature may cost its user a touch or a question: the server is asked first whether the key would do.
    return { method: 'publickey', algorithm, publicKey: identity.blob, probe: true };
  }

  /** What is left are other keys; the server wants another one than this. */
  override skipKey(): boolean {
    const blob = this.current?.identity.blob;
    this.offers = this.offers?.filter(({ identity }) => identity.blob !== blob);
    return (this.offers?.length ?? 0) > 0;
  }

  async sign({
    algorithm,
    publicKey,
    data,
  }: UserauthQuestion & { type: 'signatureWanted' }): Promise<Uint8Array | undefined> {
    try {
      const { agent } = this;
      if (agent === undefined) throw agentError('there is no agent');
      const signature = await agent.sign(publicKey, algorithm, data);
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

  private async list(serverSigAlgs: readonly string[] | undefined): Promise<Offer[]> {
    this.agent = this.options.open();
    await this.options.bind(this.agent);
    const identities = await this.agent.identities();
    const offers: Offer[] = [];
    for (const identity of identities) {
      const key = this.plainKey(identity);
      if (key === undefined || !this.isWanted(key)) continue;
      for (const algorithm of publickeyAlgorithmsFor(identity.type, serverSigAlgs, this.options.named)) {
        offers.push({ identity, algorithm });
      }
    }
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
