/**
 * The server role: the shared core and the server side of authentication.
 *
 * Owns: RFC 4253 §10 (granting ssh-userauth), the bound on the time a client
 * may take to authenticate.
 * Must not know: users, sockets, promises.
 */
import { SshError } from '../base/errors.ts';
import type { Wait } from '../base/waits.ts';
import { signatureAlgorithmsFor, usableSignatures } from '../crypto/algorithms.ts';
import type { PrivateKey } from '../crypto/keys/privateKey.ts';
import { decodePublicKey, decodeSignature, type PublicKey } from '../crypto/keys/publicKey.ts';
import { isUserPresent } from '../crypto/keys/securityKey.ts';
import { blobTypeOf, securityKeyAlgorithms } from '../crypto/specialAlgorithms.ts';
import type { MessageCodec } from '../message/codec.ts';
import { beforeAuthentication } from '../transport/compression.ts';
import type { TransportEvent } from '../transport/events.ts';
import {
  type UserauthInfo,
  type UserauthRejection,
  UserauthServer,
  type UserauthServerEvent,
} from '../userauth/server.ts';
import { WireReader } from '../wire/reader.ts';
import { type CoreEvent, ProtocolCore } from './core.ts';
import { type CoreSettings, type OwnOptions, type SharedOptions, settingsOf } from './options.ts';

/** What connections of one server have in common. */
export interface SharedServerOptions extends SharedOptions {
  /** One of each type at most. */
  readonly hostKeys: readonly PrivateKey[];
}

export interface ServerProtocolOptions extends SharedServerOptions, OwnOptions {
  /** `serverSettings` of these options, made once for all connections of a server. */
  readonly settings?: CoreSettings | undefined;
  /** Methods named in USERAUTH_FAILURE. */
  readonly methods: readonly string[];
  /** Whether other methods than these are refused unasked; `none` aside. After a partial success they are in any case. */
  readonly onlyNamed?: boolean | undefined;
  /** Milliseconds from the link's being up to SUCCESS. */
  readonly loginTimeout: number;
  /**
   * Asked before this side computes in a key exchange of a client that has not
   * logged in; `work` is what that takes in milliseconds, about. What it throws
   * ends the connection. Undefined: all of them go on.
   */
  readonly admitKeyExchange?: ((work: number) => void) | undefined;
}

/** Events of the server role. `request` is answered by one of the calls on authentication. */
export type ServerEvent = CoreEvent | UserauthServerEvent;

/** What connections of one server can share; it holds the host keys. */
export function serverSettings(options: SharedServerOptions): CoreSettings {
  const hostKeys = new Map<string, PrivateKey>();
  for (const key of options.hostKeys) {
    for (const algorithm of signatureAlgorithmsFor(key.type, options.preferences.hostKey)) {
      if (!hostKeys.has(algorithm)) hostKeys.set(algorithm, key);
    }
  }
  const { hostKey: names, wider } = options.preferences;
  // A key that the server was given is one that it is to show.
  const hostKey = (wider?.hostKey ?? names).filter((algorithm) => hostKeys.has(algorithm));
  return settingsOf(
    'server',
    // A server takes zlib@openssh.com: `zlib` would be for its clients to begin with at once.
    { ...options, preferences: { ...beforeAuthentication(options.preferences), hostKey } },
    {
      hostKeys,
      extensions: {
        'server-sig-algs': userSignatures(options.preferences.hostKey).join(','),
        'ping@openssh.com': '0',
      },
    },
  );
}

/** An SSH server for one connection as a synchronous object: bytes in, bytes out, events. */
export class ServerProtocol extends ProtocolCore<UserauthServerEvent> {
  private readonly serverOptions: ServerProtocolOptions;
  private readonly loginWait: Wait;
  private userauth: UserauthServer | undefined;
  /** What users may sign with. */
  private readonly signatures: readonly string[];

  constructor(options: ServerProtocolOptions) {
    super(options.settings ?? serverSettings(options), options);
    this.serverOptions = options;
    this.signatures = userSignatures(options.preferences.hostKey);
    this.transport.keyExchange.admit = options.admitKeyExchange;
    this.loginWait = this.waits.start(
      'dial',
      'the client to authenticate',
      options.now,
      options.loginTimeout,
      () => this.loginExpired(),
    );
  }

  /** Whose fault it is shows in the error: a callback may be what never answered. */
  private loginExpired(): void {
    const { loginWait, userauth } = this;
    const detail =
      userauth?.state === 'undecided'
        ? "this side's own verdict on an authentication request"
        : loginWait.detail;
    this.fail(this.timeoutError({ ...loginWait, detail }));
  }

  /** Whether the request that waits proves what it claims: false for a signature that does not hold. */
  isProven(): boolean {
    return this.userauth?.isProven() === true;
  }

  /** Lets the user in, unless a signature does not hold. */
  accept(): void {
    this.onUserauth((userauth) => userauth.accept());
  }

  reject(rejection: UserauthRejection = {}): void {
    this.onUserauth((userauth) => userauth.reject(rejection));
  }

  /** The key a client asked about would do. */
  pkOk(): void {
    this.onUserauth((userauth) => userauth.pkOk());
  }

  infoRequest(info: UserauthInfo): void {
    this.onUserauth((userauth) => userauth.infoRequest(info));
  }

  passwdChangeReq(prompt: string): void {
    this.onUserauth((userauth) => userauth.passwdChangeReq(prompt));
  }

  banner(message: string): void {
    this.onUserauth((userauth) => userauth.banner(message));
  }

  protected override received(event: TransportEvent): void {
    if (event.type === 'serviceRequested') this.receiveServiceRequest(event.service);
  }

  protected override receiveUserauth(number: number, buffer: Uint8Array, start: number, end: number): void {
    if (this.userauth === undefined) return;
    this.userauth.receive(number, new WireReader(buffer, start + 1, end));
    this.moveUserauthEvents(this.userauth);
  }

  private receiveServiceRequest(service: string): void {
    if (service !== 'ssh-userauth') {
      throw new SshError(
        'ERR_SSH_UNEXPECTED_MESSAGE',
        'the client asked for a service other than ssh-userauth',
      );
    }
    this.transport.acceptService(service);
    this.transport.gateState = 'authentication';
    this.userauth = new UserauthServer({
      sessionId: this.transport.keyExchange.sessionId ?? new Uint8Array(0),
      methods: this.serverOptions.methods,
      onlyNamed: this.serverOptions.onlyNamed,
      limits: this.settings.limits,
      takesKey: (algorithm, publicKey) => this.keyFor(algorithm, publicKey) !== undefined,
      verify: (algorithm, publicKey, data, signature) => this.verify(algorithm, publicKey, data, signature),
      sink: {
        send: <T>(message: MessageCodec<T>, value: T): void => void this.transport.send(message, value),
      },
    });
  }

  /** A key that users may sign with by this algorithm; undefined where it is none. */
  private keyFor(algorithm: string, blob: Uint8Array): PublicKey | undefined {
    if (!this.signatures.includes(algorithm)) return undefined;
    const { rsaMinimumBits, rsaMaximumBits, userRsaBits } = this.settings.limits;
    const key = decodePublicKey(blob, {
      rsaMinimumBits,
      rsaMaximumBits: Math.min(rsaMaximumBits, userRsaBits),
    });
    return blobTypeOf(algorithm) === key.type ? key : undefined;
  }

  private verify(algorithm: string, blob: Uint8Array, data: Uint8Array, signatureBlob: Uint8Array): boolean {
    const key = this.keyFor(algorithm, blob);
    if (key === undefined) return false;
    const { algorithm: signedWith, signature } = decodeSignature(signatureBlob);
    if (signedWith !== algorithm) return false;
    // A token that nobody touched may be used by anybody who controls the user's machine.
    if (Object.hasOwn(securityKeyAlgorithms, algorithm) && !isUserPresent(signature)) return false;
    return this.settings.provider.verify(algorithm, key, data, signature);
  }

  private onUserauth(step: (userauth: UserauthServer) => void): void {
    const { userauth } = this;
    if (userauth === undefined) return;
    this.guarded(() => {
      step(userauth);
      this.moveUserauthEvents(userauth);
    });
  }

  private moveUserauthEvents(userauth: UserauthServer): void {
    for (let event = userauth.nextEvent(); event !== undefined; event = userauth.nextEvent()) {
      if (event.type === 'authenticated') {
        this.transport.authenticated();
        this.transport.keyExchange.admit = undefined;
        this.waits.finish(this.loginWait);
      }
      this.queueEvent(event);
    }
  }
}

/** Signatures that are taken from users: those of tokens too, which no host key of this server makes. */
function userSignatures(hostKey: readonly string[]): readonly string[] {
  return [...usableSignatures(hostKey), ...Object.keys(securityKeyAlgorithms)];
}
