/**
 * An authentication agent: keys that sign without leaving the program that holds them.
 *
 * Owns: the requests to an agent and the judgement of its answers.
 * Must not know: sockets, which key is tried when.
 * Sources: draft-ietf-sshm-ssh-agent §4, §5; OpenSSH PROTOCOL.agent.
 */
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import {
  anyText,
  bytesOnly,
  checkArgument,
  checkOptions,
  eitherOf,
  flag,
  isObject,
  type OptionRule,
  type OptionTable,
  secretly,
  someText,
  wholeNumber,
} from '../../base/optionChecks.ts';
import { isCertificateBlob } from '../../crypto/keys/certificate.ts';
import type { PrivateKey } from '../../crypto/keys/privateKey.ts';
import { encodePublicKey, type PublicKey } from '../../crypto/keys/publicKey.ts';
import { isCertificateName, signatureNameOf } from '../../crypto/specialAlgorithms.ts';
import { CallSite, type PublicFunction } from '../../endpoint/calls/callSite.ts';
import { publicCall } from '../../endpoint/calls/publicCall.ts';
import { lateCode } from '../../endpoint/lateCode.ts';
import { certificate as certificateRule } from '../../endpoint/options/optionRules.ts';
import {
  type AgentSessionBind,
  agentAddIdConstrained,
  agentAddIdentity,
  agentConstraints,
  agentExtension,
  agentFailure,
  agentIdentities,
  agentIdentitiesAnswer,
  agentNumbers,
  agentRemoveAllIdentities,
  agentRemoveIdentity,
  agentRequestIdentities,
  agentSessionBind,
  agentSignFlags,
  agentSignRequest,
  agentSignResponse,
  agentSuccess,
} from '../../message/agent.ts';
import type { MessageCodec } from '../../message/codec.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import type { CertificateInput } from '../authentication/methods.ts';
import { type AgentLink, agentError } from './agentLink.ts';

/** A key that an agent holds. */
export interface AgentIdentity {
  /** Public key blob or certificate. */
  readonly blob: Uint8Array;
  /** Such as `ssh-ed25519`; a certificate's ends in `-cert-v01@openssh.com`. */
  readonly type: string;
  /** Escaped. */
  readonly comment: string;
  /** `SHA256:…` of the blob. */
  readonly fingerprint: string;
}

/** How the use of a key that is added is restricted. */
export interface AgentConstraints {
  /** Seconds after which the agent forgets the key. */
  readonly lifetime?: number | undefined;
  /** The agent asks its user before each signature. */
  readonly confirm?: boolean | undefined;
}

/** What is added apart from the key. */
export interface AgentAddOptions extends AgentConstraints {
  /** Shown beside the key in lists. Empty where not given. */
  readonly comment?: string | undefined;
  /** Added in place of the plain key. */
  readonly certificate?: CertificateInput | undefined;
}

const addTable: OptionTable<AgentAddOptions> = {
  comment: anyText,
  certificate: certificateRule,
  lifetime: wholeNumber(1, 0xffff_ffff, 'a whole number of seconds'),
  confirm: flag,
};

const typedKey: OptionRule = {
  takes: 'a key, as parsePrivateKey or parsePublicKey gives it',
  accepts: (value) => isObject(value) && typeof value['type'] === 'string',
};

const privateKey = secretly({ ...typedKey, takes: 'a private key, as parsePrivateKey(…).privateKey is one' });

/**
 * A connection to an agent. Made by `openAgent`; `connect` with `agent` makes one of its own.
 *
 * Every call rejects with `ERR_SSH_AGENT` for an agent that cannot be reached,
 * refuses or misbehaves, and with `ERR_SSH_TIMEOUT` (`waitingFor` is `agent`) for
 * one that does not answer; after the latter the connection is of no more use.
 * A call on a connection that was closed rejects with `ERR_SSH_CLOSED`.
 *
 * @example
 * ```ts
 * import { openAgent } from 'deadline-ssh';
 * await using agent = openAgent();
 * for (const { type, comment, fingerprint } of await agent.identities()) console.log(type, fingerprint, comment);
 * ```
 */
export class Agent {
  private readonly link: AgentLink;

  constructor(link: AgentLink) {
    this.link = link;
  }

  /** The keys it holds. Keys of types that this library does not know are among them. */
  identities(): Promise<readonly AgentIdentity[]> {
    return this.call(Agent.prototype.identities, () => this.list());
  }

  private async list(): Promise<readonly AgentIdentity[]> {
    const detail = 'the list of its keys';
    const { keys } = await this.exchange(agentRequestIdentities, {}, agentIdentitiesAnswer, detail);
    if (keys.length > agentIdentities) {
      throw agentError(`the agent lists ${keys.length} keys; at most ${agentIdentities} are taken`);
    }
    // In TypeScript, loaded here: an agent need not be a connection's, and has no provider then.
    const { fingerprint } = await lateCode('fingerprints', () => import('../../keys/fingerprint.ts'));
    return keys.map(({ publicKey, comment }) => ({
      blob: publicKey,
      type: typeOf(publicKey),
      comment: escapeText(comment, 200),
      fingerprint: fingerprint(publicKey),
    }));
  }

  /**
   * A signature blob over `data`.
   *
   * @param blob of the key, or of the certificate, as `identities` gives it
   * @param algorithm such as `rsa-sha2-512`; for an RSA key it chooses the hash
   */
  sign(blob: Uint8Array, algorithm: string, data: Uint8Array): Promise<Uint8Array> {
    return this.call(Agent.prototype.sign, () => this.askToSign(blob, algorithm, data));
  }

  private async askToSign(blob: Uint8Array, algorithm: string, data: Uint8Array): Promise<Uint8Array> {
    checkArgument('the key to sign with', blob, bytesOnly);
    checkArgument('the algorithm to sign with', algorithm, someText);
    checkArgument('the data to sign', data, bytesOnly);
    const request = { publicKey: blob, data, flags: signFlags(algorithm) };
    const detail = `a signature by ${algorithm}`;
    const { signature } = await this.exchange(agentSignRequest, request, agentSignResponse, detail);
    const expected = signatureNameOf(algorithm);
    const made = nameIn(signature);
    if (made === expected) return signature;
    throw agentError(
      `the agent signed with ${escapeText(made ?? 'something unknown', 80)} where ${expected} was asked for`,
    );
  }

  /** Gives it a key. */
  add(key: PrivateKey, options: AgentAddOptions = {}): Promise<void> {
    return this.call(Agent.prototype.add, () => this.give(key, options));
  }

  private async give(key: PrivateKey, options: AgentAddOptions): Promise<void> {
    checkArgument('the key to add', key, privateKey);
    checkOptions(options, { of: 'add', table: addTable });
    const { comment = '', certificate, lifetime, confirm } = options;
    const { agentKeyFields } = await lateCode(
      'keys for an agent',
      () => import('../../keys/openssh/agentKey.ts'),
    );
    const writer = new WireWriter().bytes(agentKeyFields(key, await blobOf(certificate))).text(comment);
    if (lifetime !== undefined) {
      writer.byte(agentConstraints.lifetime).uint32(lifetime);
    }
    if (confirm === true) writer.byte(agentConstraints.confirm);
    const constrained = lifetime !== undefined || confirm === true;
    const message = constrained ? agentAddIdConstrained : agentAddIdentity;
    await this.exchange(message, { fields: writer.copyWritten() }, agentSuccess, 'it to take a key');
  }

  /** Makes it forget a key, or a certificate. */
  remove(key: PublicKey | Uint8Array): Promise<void> {
    return this.call(Agent.prototype.remove, async () => {
      checkArgument('the key to remove', key, eitherOf('a public key or its blob', bytesOnly, typedKey));
      const publicKey = key instanceof Uint8Array ? key : encodePublicKey(key);
      await this.exchange(agentRemoveIdentity, { publicKey }, agentSuccess, 'it to forget a key');
    });
  }

  /** Makes it forget every key. */
  removeAll(): Promise<void> {
    return this.call(Agent.prototype.removeAll, async () => {
      await this.exchange(agentRemoveAllIdentities, {}, agentSuccess, 'it to forget its keys');
    });
  }

  /**
   * Tells it which connection the requests that follow are for, so that keys
   * restricted to some hosts can be used.
   *
   * @returns whether it knows of such things
   */
  bindSession(session: AgentSessionBind): Promise<boolean> {
    return this.call(Agent.prototype.bindSession, async () => {
      const contents = agentSessionBind.toBytes(session);
      const request = { extensionType: agentSessionBind.name, contents };
      const answer = await this.ask(agentExtension, request, 'its answer to session-bind');
      return answer[0] === agentNumbers.success;
    });
  }

  /** Passes a message on as it is and returns the answer, both with their numbers. */
  forward(message: Uint8Array): Promise<Uint8Array> {
    return this.call(Agent.prototype.forward, async () => {
      checkArgument('the message to forward', message, bytesOnly);
      return this.link.request(message, 'the answer to a request that was forwarded');
    });
  }

  /** False once it was closed, or has failed. */
  get isOpen(): boolean {
    return this.link.isOpen;
  }

  /** Ends the connection to the agent; calls that are under way reject with `ERR_SSH_CLOSED`. */
  close(): void {
    this.link.close();
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** What every call of a user's goes through. */
  private call<T>(calledAs: PublicFunction, work: () => Promise<T>): Promise<T> {
    return publicCall({ site: new CallSite(calledAs) }, work);
  }

  private async exchange<Request, Answer>(
    message: MessageCodec<Request>,
    request: Request,
    answer: MessageCodec<Answer>,
    detail: string,
  ): Promise<Answer> {
    const payload = await this.ask(message, request, detail);
    if (payload[0] === answer.number) return this.decoded(answer, payload);
    // It may have said what another request was to hear: nothing it says later can be trusted to be an answer.
    const refused = payload[0] === agentFailure.number || payload[0] === agentNumbers.extensionFailure;
    if (refused) throw agentError(`the agent refused ${message.name}`);
    throw this.misbehaved(`the agent answered ${message.name} with message ${payload[0]}`);
  }

  private ask<Request>(
    message: MessageCodec<Request>,
    request: Request,
    detail: string,
  ): Promise<Uint8Array> {
    const writer = new WireWriter();
    message.encode(writer, request);
    return this.link.request(writer.copyWritten(), detail);
  }

  private decoded<T>(codec: MessageCodec<T>, payload: Uint8Array): T {
    try {
      return codec.decode(new WireReader(payload, 1));
    } catch (cause) {
      const why = cause instanceof SshError ? `: ${cause.message}` : '';
      throw this.misbehaved(`the agent's answer is malformed${why}`, cause);
    }
  }

  /** Nothing it says later counts. */
  private misbehaved(message: string, cause?: unknown): SshError {
    const error = agentError(message, cause);
    this.link.close(error);
    return error;
  }
}

function signFlags(algorithm: string): number {
  switch (signatureNameOf(algorithm)) {
    case 'rsa-sha2-256':
      return agentSignFlags.rsaSha2256;
    case 'rsa-sha2-512':
      return agentSignFlags.rsaSha2512;
    default:
      return 0;
  }
}

async function blobOf(certificate: CertificateInput | undefined): Promise<Uint8Array | undefined> {
  if (certificate === undefined) return undefined;
  const { parseCertificate } = await lateCode(
    'certificates',
    () => import('../../keys/openssh/certificateFile.ts'),
  );
  return typeof certificate === 'string' || certificate instanceof Uint8Array
    ? parseCertificate(certificate).certificate.blob
    : certificate.blob;
}

function typeOf(blob: Uint8Array): string {
  const type = nameIn(blob) ?? '';
  return isCertificateName(type) && !isCertificateBlob(blob) ? '' : type;
}

function nameIn(blob: Uint8Array): string | undefined {
  try {
    return new WireReader(blob).name();
  } catch {
    return undefined;
  }
}
