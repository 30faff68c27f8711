/**
 * The key exchange, first and later ones, for either role.
 *
 * Owns: RFC 4253 §7 (the order KEXINIT, method, NEWKEYS; the guess; taking keys
 * into use), §8 and RFC 5656 §4 (the init and reply of methods with one round),
 * strict key exchange (OpenSSH PROTOCOL §1.9).
 * Must not know: packets, timers, who decides about host keys.
 */
import { copyOf, equalBytes, wipe } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { KexName } from '../crypto/algorithms.ts';
import { type KexInitiator, type KexMethod, kexMethod } from '../crypto/kex.ts';
import type { PrivateKey } from '../crypto/privateKey.ts';
import type { CryptoProvider, DirectionKeys } from '../crypto/provider.ts';
import { encodePublicKey, encodeSignature } from '../crypto/publicKey.ts';
import type { MessageCodec } from '../message/codec.ts';
import { type KexInit, kexInit, newKeys } from '../message/transport.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import type { KeyExchangeCause, TransportEvent } from './events.ts';
import { type HostKeyProof, verifyHostKeyProof } from './hostKeyProof.ts';
import type { Role } from './identification.ts';
import { decodeInit, decodeReply, keyExchangeError, sendInit, sendReply } from './kexMessages.ts';
import { deriveKeys, exchangeHash } from './keys.ts';
import {
  type AlgorithmPreferences,
  bothStrict,
  buildKexInit,
  guessedRight,
  kexMarkers,
  type NegotiatedAlgorithms,
  negotiate,
} from './negotiation.ts';

/** A server's host keys by the signature algorithm they serve. */
export type HostKeys = ReadonlyMap<string, PrivateKey>;

export interface KeyExchangeOptions {
  readonly role: Role;
  readonly provider: CryptoProvider;
  readonly preferences: AlgorithmPreferences;
  readonly limits: Limits;
  /** Server role only. */
  readonly hostKeys: HostKeys;
}

/** What the exchange asks of the transport around it. */
export interface KeyExchangeSink {
  /** Sends at once, past whatever is held back. Returns the payload for the exchange hash. */
  sendNow<T>(message: MessageCodec<T>, value: T): Uint8Array;
  emit(event: TransportEvent): void;
  /** Our NEWKEYS has been sent: seal with these keys from now on. */
  sealWith(keys: DirectionKeys, resetSequence: boolean): void;
  /** Their NEWKEYS came: open with these keys from now on. */
  openWith(keys: DirectionKeys, resetSequence: boolean): void;
  /** Both directions have the new keys. */
  exchangeFinished(cause: KeyExchangeCause): void;
  /** Whether the peer's KEXINIT was its very first packet. */
  peerKexInitWasFirst(): boolean;
}

/** Two KEXINITs and what they agree on. */
interface Agreement {
  readonly cause: KeyExchangeCause;
  readonly clientKexInit: Uint8Array;
  readonly serverKexInit: Uint8Array;
  readonly negotiated: NegotiatedAlgorithms;
  readonly method: KexMethod;
  /** A packet sent on a wrong guess is on its way and to be dropped. */
  dropNext: boolean;
}

interface SessionKeys {
  readonly outgoing: DirectionKeys;
  readonly incoming: DirectionKeys;
}

type State =
  | { readonly name: 'idle' }
  | {
      readonly name: 'kexInitSent';
      readonly cause: KeyExchangeCause;
      readonly own: KexInit;
      readonly payload: Uint8Array;
    }
  | { readonly name: 'loading'; readonly agreement: Agreement; held: Uint8Array | undefined }
  | { readonly name: 'initWanted'; readonly agreement: Agreement }
  | { readonly name: 'replyWanted'; readonly agreement: Agreement; readonly initiator: KexInitiator }
  | {
      readonly name: 'newKeys';
      readonly agreement: Agreement;
      readonly keys: SessionKeys;
      sent: boolean;
      received: boolean;
    };

/** Runs key exchanges, one after the other, for the life of a connection. */
export class KeyExchange {
  /** H of the first exchange; undefined until then. */
  sessionId: Uint8Array | undefined;
  /** The host key of the first exchange, once it was accepted. */
  hostKey: Uint8Array | undefined;
  /** Both sides asked for it in their first KEXINIT. */
  strict: boolean = false;
  /** The peer asked for EXT_INFO in its first KEXINIT (RFC 8308 §2.1). */
  peerWantsExtInfo: boolean = false;
  negotiated: NegotiatedAlgorithms | undefined;
  /** V_C and V_S; set by the transport when both are known. */
  clientIdentification: Uint8Array = new Uint8Array(0);
  serverIdentification: Uint8Array = new Uint8Array(0);

  private readonly options: KeyExchangeOptions;
  private readonly sink: KeyExchangeSink;
  private state: State = { name: 'idle' };
  private offeredHostKey: Uint8Array | undefined;
  /** What the server showed in the first exchange, whose H is the session id: agents are told of it. */
  firstProof: HostKeyProof | undefined;

  constructor(options: KeyExchangeOptions, sink: KeyExchangeSink) {
    this.options = options;
    this.sink = sink;
  }

  /** No exchange is under way in either direction. */
  get idle(): boolean {
    return this.state.name === 'idle';
  }

  /** Our KEXINIT went out and our NEWKEYS did not: nothing but key exchange may be sent (RFC 4253 §7.1). */
  get holdsOutput(): boolean {
    return this.state.name === 'newKeys' ? !this.state.sent : this.state.name !== 'idle';
  }

  /** Their KEXINIT came and their NEWKEYS did not. */
  get peerExchanging(): boolean {
    if (this.state.name === 'newKeys') return !this.state.received;
    return this.state.name !== 'idle' && this.state.name !== 'kexInitSent';
  }

  /** What is waited for, for reports. */
  get waitingFor(): string {
    switch (this.state.name) {
      case 'kexInitSent':
        return 'SSH_MSG_KEXINIT';
      case 'initWanted':
        return 'the key exchange init';
      case 'replyWanted':
        return 'the key exchange reply';
      case 'loading':
        return 'code to load';
      case 'newKeys':
        return this.state.received ? 'the host key verdict' : 'SSH_MSG_NEWKEYS';
      case 'idle':
        return 'nothing';
      default:
        return this.state satisfies never;
    }
  }

  /** Sends our KEXINIT, unless an exchange is under way already. */
  start(cause: KeyExchangeCause): void {
    if (!this.idle) return;
    const { role, preferences, provider } = this.options;
    const own = buildKexInit(
      role,
      preferences,
      provider.randomBytes(16),
      this.sessionId === undefined ? 'initial' : 'rekey',
    );
    this.sink.emit({ type: 'keyExchangeStarted', cause });
    this.state = { name: 'kexInitSent', cause, own, payload: this.sink.sendNow(kexInit, own) };
  }

  /** `payload` is the whole message, its number included. */
  receiveKexInit(payload: Uint8Array): void {
    const theirs = kexInit.decode(new WireReader(payload, 1));
    if (this.peerExchanging || (this.state.name === 'newKeys' && !this.state.sent)) {
      throw keyExchangeError('a second SSH_MSG_KEXINIT came before the first exchange was finished');
    }
    this.start('peer');
    if (this.state.name !== 'kexInitSent') throw keyExchangeError('SSH_MSG_KEXINIT came at a wrong time');
    const { cause, own, payload: ownPayload } = this.state;
    const { role } = this.options;
    const [client, server] = role === 'client' ? [own, theirs] : [theirs, own];
    if (this.sessionId === undefined) {
      this.noteStrictness(client, server);
      this.peerWantsExtInfo = theirs.kexAlgorithms.includes(
        role === 'client' ? kexMarkers.extInfoServer : kexMarkers.extInfoClient,
      );
    }
    const negotiated = negotiate(client, server, role);
    const agreement: Agreement = {
      cause,
      clientKexInit: role === 'client' ? ownPayload : copyOf(payload),
      serverKexInit: role === 'client' ? copyOf(payload) : ownPayload,
      negotiated,
      method: kexMethod(negotiated.kex as KexName),
      dropNext: theirs.firstKexPacketFollows && !guessedRight(client, server),
    };
    this.loadOrGoOn(agreement);
  }

  /** The code asked for with `algorithmsWanted` is there. */
  algorithmsLoaded(): void {
    if (this.state.name !== 'loading') return;
    const { agreement, held } = this.state;
    this.goOn(agreement);
    if (held !== undefined) this.receiveMethodMessage(held);
  }

  /** A message 30 to 49, its number included. */
  receiveMethodMessage(payload: Uint8Array): void {
    const { state } = this;
    if (state.name === 'loading') {
      if (state.held !== undefined) throw keyExchangeError('a second key exchange message came too early');
      state.held = copyOf(payload);
      return;
    }
    if (state.name !== 'initWanted' && state.name !== 'replyWanted') {
      throw keyExchangeError(`message ${payload[0]} came where none of its kind was expected`);
    }
    if (state.agreement.dropNext) {
      state.agreement.dropNext = false;
      return;
    }
    if (state.name === 'replyWanted') this.receiveReply(payload, state.agreement, state.initiator);
    else this.receiveInit(payload, state.agreement);
  }

  receiveNewKeys(): void {
    const { state } = this;
    if (state.name !== 'newKeys' || state.received) {
      throw keyExchangeError('SSH_MSG_NEWKEYS came before the key exchange was done');
    }
    state.received = true;
    this.sink.openWith(state.keys.incoming, this.strict);
    this.finishIfBoth(state);
  }

  /** The host key of the `hostKey` event is the right one. */
  acceptHostKey(): void {
    const { state } = this;
    if (state.name !== 'newKeys' || state.sent || this.offeredHostKey === undefined) return;
    this.hostKey = this.offeredHostKey;
    this.sendNewKeys(state);
  }

  private noteStrictness(client: KexInit, server: KexInit): void {
    this.strict = bothStrict(client, server);
    if (this.strict && !this.sink.peerKexInitWasFirst()) {
      throw keyExchangeError('a message came before SSH_MSG_KEXINIT, which strict key exchange forbids');
    }
  }

  private loadOrGoOn(agreement: Agreement): void {
    const { kex, hostKey, clientToServer, serverToClient } = agreement.negotiated;
    const loaders = [kex, hostKey, clientToServer.cipher, serverToClient.cipher]
      .map((name) => this.options.provider.loaderFor(name))
      .filter((loader) => loader !== undefined);
    if (loaders.length === 0) return this.goOn(agreement);
    this.state = { name: 'loading', agreement, held: undefined };
    this.sink.emit({ type: 'algorithmsWanted', loaders: [...new Set(loaders)] });
  }

  private goOn(agreement: Agreement): void {
    if (this.options.role === 'server') {
      this.state = { name: 'initWanted', agreement };
      return;
    }
    const initiator = agreement.method.initiate(this.options.provider);
    this.state = { name: 'replyWanted', agreement, initiator };
    sendInit(this.sink, agreement.method, initiator.publicValue);
  }

  private receiveReply(payload: Uint8Array, agreement: Agreement, initiator: KexInitiator): void {
    const reply = decodeReply(payload, agreement.method);
    const encodedSecret = initiator.finish(reply.serverValue);
    const hash = this.hash(agreement, reply.hostKey, initiator.publicValue, reply.serverValue, encodedSecret);
    const { provider, limits } = this.options;
    const proof: HostKeyProof = { algorithm: agreement.negotiated.hostKey, ...reply };
    verifyHostKeyProof(proof, hash, provider, limits);
    this.firstProof ??= proof;
    this.keysReady(agreement, hash, encodedSecret);
    this.offeredHostKey = reply.hostKey;
    if (this.hostKey === undefined) {
      this.sink.emit({ type: 'hostKey', hostKey: reply.hostKey, algorithm: agreement.negotiated.hostKey });
    } else if (equalBytes(this.hostKey, reply.hostKey)) {
      this.acceptHostKey();
    } else {
      throw new SshError('ERR_SSH_HOST_KEY_CHANGED', 'the server showed another host key at a rekey', {
        phase: 'keyExchange',
      });
    }
  }

  private receiveInit(payload: Uint8Array, agreement: Agreement): void {
    const { provider, hostKeys } = this.options;
    const clientValue = decodeInit(payload, agreement.method);
    const { serverValue, encodedSecret } = agreement.method.respond(provider, clientValue);
    const algorithm = agreement.negotiated.hostKey;
    const privateKey = hostKeys.get(algorithm);
    if (privateKey === undefined) {
      throw new SshError('ERR_SSH_INTERNAL', `no host key serves ${algorithm}`, { origin: 'local' });
    }
    const hostKey = encodePublicKey(privateKey.publicKey);
    const hash = this.hash(agreement, hostKey, clientValue, serverValue, encodedSecret);
    const signature = encodeSignature(algorithm, provider.sign(algorithm, privateKey, hash));
    sendReply(this.sink, agreement.method, { hostKey, serverValue, signature });
    const state = this.keysReady(agreement, hash, encodedSecret);
    this.hostKey = hostKey;
    this.sendNewKeys(state);
  }

  private hash(
    agreement: Agreement,
    hostKey: Uint8Array,
    clientValue: Uint8Array,
    serverValue: Uint8Array,
    encodedSecret: Uint8Array,
  ): Uint8Array {
    const { method, clientKexInit, serverKexInit } = agreement;
    const values = new WireWriter();
    values[method.valueEncoding](clientValue);
    values[method.valueEncoding](serverValue);
    return exchangeHash(this.options.provider, method.hash, {
      clientIdentification: this.clientIdentification,
      serverIdentification: this.serverIdentification,
      clientKexInit,
      serverKexInit,
      hostKey,
      methodValues: values.viewWritten(),
      encodedSecret,
    });
  }

  private keysReady(
    agreement: Agreement,
    hash: Uint8Array,
    encodedSecret: Uint8Array,
  ): State & { name: 'newKeys' } {
    this.sessionId ??= hash;
    const { provider, role } = this.options;
    const { clientToServer, serverToClient } = deriveKeys(
      { provider, hash: agreement.method.hash, encodedSecret, exchangeHash: hash, sessionId: this.sessionId },
      agreement.negotiated,
    );
    wipe(encodedSecret);
    const keys: SessionKeys =
      role === 'client'
        ? { outgoing: clientToServer, incoming: serverToClient }
        : { outgoing: serverToClient, incoming: clientToServer };
    const state: State & { name: 'newKeys' } = {
      name: 'newKeys',
      agreement,
      keys,
      sent: false,
      received: false,
    };
    this.state = state;
    return state;
  }

  private sendNewKeys(state: State & { name: 'newKeys' }): void {
    this.sink.sendNow(newKeys, {});
    state.sent = true;
    this.sink.sealWith(state.keys.outgoing, this.strict);
    this.finishIfBoth(state);
  }

  private finishIfBoth(state: State & { name: 'newKeys' }): void {
    if (!state.sent || !state.received) return;
    const { cause, negotiated } = state.agreement;
    this.negotiated = negotiated;
    this.state = { name: 'idle' };
    this.sink.emit({ type: 'keyExchanged', cause, negotiated, strict: this.strict });
    this.sink.exchangeFinished(cause);
  }
}
