/**
 * The key exchange, first and later ones, for either role.
 *
 * Owns: RFC 4253 §7 (the order KEXINIT, method, NEWKEYS; the guess; taking keys
 * into use), §8 and RFC 5656 §4 (the init and reply of methods with one round),
 * strict key exchange (OpenSSH PROTOCOL §1.9).
 * Must not know: packets, timers, who decides about host keys.
 */
import { copyOf, emptyBytes, equalBytes, wipe } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { type KexName, kexMethods } from '../../crypto/algorithms.ts';
import { type GroupExchangeName, isGroupExchange, type KexMethod, kexMethod } from '../../crypto/kex/kex.ts';
import { bitLength, encodePublicKey, encodeSignature } from '../../crypto/keys/publicKey.ts';
import { signatureWork } from '../../crypto/work.ts';
import { kexDhGexGroup, kexDhGexRequest } from '../../message/kex.ts';
import { type KexInit, kexInit, newKeys } from '../../message/transport.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { beforeAuthentication, compressionLoader } from '../compression.ts';
import type { KeyExchangeCause } from '../events.ts';
import { offerTo, type Quirks, quirksOf } from '../quirks.ts';
import {
  type Agreement,
  type ExchangeState,
  type NewKeysState,
  type SessionKeys,
  waitingFor,
} from './exchangeState.ts';
import { answerRequest, groupRequestFor, methodOfGroup } from './groupExchange.ts';
import { type HostKeyProof, verifyHostKeyProof } from './hostKeyProof.ts';
import { decodeInit, decodeReply, keyExchangeError, sendInit, sendReply } from './kexMessages.ts';
import type { KeyExchangeOptions, KeyExchangeSink } from './keyExchangeOptions.ts';
import { deriveKeys, exchangeHash } from './keys.ts';
import {
  type AlgorithmPreferences,
  bothStrict,
  buildKexInit,
  guessedRight,
  kexMarkers,
  type NegotiatedAlgorithms,
  type NegotiatedDirection,
  negotiate,
} from './negotiation.ts';

const idleState: ExchangeState = { name: 'idle' };
const noNames: readonly string[] = [];

/** Runs key exchanges, one after the other, for the life of a connection. */
export class KeyExchange {
  /** Both sides asked for it in their first KEXINIT. */
  strict: boolean = false;
  /** The peer asked for EXT_INFO in its first KEXINIT (RFC 8308 §2.1). */
  peerWantsExtInfo: boolean = false;
  negotiated: NegotiatedAlgorithms | undefined;
  /** The user is known: the transport says so. */
  authenticated: boolean = false;
  /** The peer's identification string, without CR LF, and what is known of such a peer; set by the transport. */
  peerIdentification: Uint8Array = emptyBytes;
  quirks: Quirks = quirksOf(undefined);

  // These are asked for with every packet: fields, as states have many shapes.
  /** No exchange is under way in either direction. */
  idle = true;
  /** Our KEXINIT went out and our NEWKEYS did not: nothing but key exchange may be sent (RFC 4253 §7.1). */
  holdsOutput = false;
  /** Their KEXINIT came and their NEWKEYS did not. */
  peerExchanging = false;

  /** Told before a server computes for its client, and of how much, about; what it throws ends the connection. */
  admit: ((work: number) => void) | undefined;

  /** Names in the peer's last KEXINIT; kept where this side wants `zlib`, which is asked for later. */
  peerCompressions: readonly string[] = noNames;

  /** H of the first exchange; undefined until then. */
  sessionId: Uint8Array | undefined;

  /** The host key of the first exchange, once it was accepted. */
  hostKey: Uint8Array | undefined;

  private readonly options: KeyExchangeOptions;
  private readonly sink: KeyExchangeSink;
  private state: ExchangeState = idleState;
  private offeredHostKey: Uint8Array | undefined;
  /** What the server showed in the first exchange, whose H is the session id: agents are told of it. Anybody who needs it no longer lets it go. */
  firstProof: HostKeyProof | undefined;

  constructor(options: KeyExchangeOptions, sink: KeyExchangeSink) {
    this.options = options;
    this.sink = sink;
  }

  /** V_C. */
  get clientIdentification(): Uint8Array {
    return this.options.role === 'client' ? this.options.identification : this.peerIdentification;
  }

  /** V_S. */
  get serverIdentification(): Uint8Array {
    return this.options.role === 'client' ? this.peerIdentification : this.options.identification;
  }

  /** What is waited for, for reports. */
  get waitingFor(): string {
    return waitingFor(this.state);
  }

  /** Sends our KEXINIT, unless an exchange is under way already. */
  start(cause: KeyExchangeCause): void {
    if (!this.idle) return;
    const { role, provider } = this.options;
    const own = buildKexInit(
      role,
      this.offer(),
      provider.randomBytes(16),
      this.isFirst ? 'initial' : 'rekey',
    );
    this.sink.emit({ type: 'keyExchangeStarted', cause });
    this.enter({ name: 'kexInitSent', cause, own, payload: this.sink.sendNow(kexInit, own) });
  }

  private get isFirst(): boolean {
    return this.sessionId === undefined;
  }

  /** What goes into our KEXINIT: what the user wants, but for what this peer fails with or needs. */
  private offer(): AlgorithmPreferences {
    const { preferences } = this.options;
    return offerTo(this.quirks, this.authenticated ? preferences : beforeAuthentication(preferences));
  }

  /** `payload` is the whole message, its number included. */
  receiveKexInit(payload: Uint8Array): void {
    const theirs = kexInit.decode(new WireReader(payload, 1));
    if (this.options.preferences.compression.includes('zlib')) {
      this.peerCompressions = theirs.compressionAlgorithmsClientToServer;
    }
    if (this.peerExchanging || (this.state.name === 'newKeys' && !this.state.sent)) {
      throw keyExchangeError('a second SSH_MSG_KEXINIT came before the first exchange was finished');
    }
    this.start('peer');
    if (this.state.name !== 'kexInitSent') throw keyExchangeError('SSH_MSG_KEXINIT came at a wrong time');
    const { cause, own, payload: ownPayload } = this.state;
    const { role } = this.options;
    const [client, server] = role === 'client' ? [own, theirs] : [theirs, own];
    if (this.isFirst) {
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
    if (!('agreement' in state) || state.name === 'newKeys') {
      throw keyExchangeError(`message ${payload[0]} came where none of its kind was expected`);
    }
    if (state.agreement.dropNext) {
      state.agreement.dropNext = false;
      return;
    }
    switch (state.name) {
      case 'groupWanted':
        return this.receiveGroup(payload, state);
      case 'groupRequestWanted':
        return this.receiveGroupRequest(payload, state.agreement);
      case 'replyWanted':
        return this.receiveReply(payload, state);
      case 'initWanted':
        return this.receiveInit(payload, state.agreement, state.method);
      default:
        return state satisfies never;
    }
  }

  receiveNewKeys(): void {
    const { state } = this;
    if (state.name !== 'newKeys' || state.received) {
      throw keyExchangeError('SSH_MSG_NEWKEYS came before the key exchange was done');
    }
    state.received = true;
    this.enter(state);
    this.sink.openWith(state.keys.incoming, this.strict, this.direction(state, 'incoming').compression);
    this.finishIfBoth(state);
  }

  /** The host key of the `hostKey` event is the right one. */
  acceptHostKey(): void {
    const { state } = this;
    if (state.name !== 'newKeys' || state.sent || this.offeredHostKey === undefined) return;
    this.hostKey = this.offeredHostKey;
    this.offeredHostKey = undefined;
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
    const directions = [clientToServer, serverToClient].flatMap(({ cipher, mac }) => [cipher, mac ?? cipher]);
    const compressions = new Set([clientToServer.compression, serverToClient.compression]);
    const loaders = [
      ...[...new Set([kex, hostKey, ...directions])].map((name) => this.options.provider.loaderFor(name)),
      ...[...compressions].map(compressionLoader),
    ].filter((loader) => loader !== undefined);
    if (loaders.length === 0) return this.goOn(agreement);
    this.enter({ name: 'loading', agreement, held: undefined });
    this.sink.emit({ type: 'algorithmsWanted', loaders });
  }

  private goOn(agreement: Agreement): void {
    const name = agreement.negotiated.kex as KexName;
    const isServer = this.options.role === 'server';
    if (!isGroupExchange(name)) {
      if (isServer) this.enter({ name: 'initWanted', agreement, method: kexMethod(name) });
      else this.initiate(agreement, kexMethod(name));
    } else if (isServer) {
      this.enter({ name: 'groupRequestWanted', agreement });
    } else {
      const request = groupRequestFor(agreement.negotiated, this.quirks);
      this.enter({ name: 'groupWanted', agreement, request });
      this.sink.sendNow(kexDhGexRequest, request);
    }
  }

  private receiveGroup(payload: Uint8Array, state: ExchangeState & { name: 'groupWanted' }): void {
    const { agreement, request } = state;
    const name = agreement.negotiated.kex as GroupExchangeName;
    const method = methodOfGroup(payload, name, request);
    const { p } = kexDhGexGroup.decode(new WireReader(payload, 1));
    const publicValue = this.initiate(agreement, method);
    agreement.group = { request, bits: bitLength(p), bitsSet: bitsSetIn(publicValue) };
  }

  private receiveGroupRequest(payload: Uint8Array, agreement: Agreement): void {
    const name = agreement.negotiated.kex as GroupExchangeName;
    const { group, method } = answerRequest(payload, name, this.options.limits.groupExchangeBits);
    this.enter({ name: 'initWanted', agreement, method });
    this.sink.sendNow(kexDhGexGroup, group);
  }

  /** @returns the public value of this side */
  private initiate(agreement: Agreement, method: KexMethod): Uint8Array {
    const initiator = method.initiate(this.options.provider);
    this.enter({ name: 'replyWanted', agreement, method, initiator });
    sendInit(this.sink, method, initiator.publicValue);
    return initiator.publicValue;
  }

  private receiveReply(payload: Uint8Array, state: ExchangeState & { name: 'replyWanted' }): void {
    const { agreement, method, initiator } = state;
    const reply = decodeReply(payload, method);
    const encodedSecret = initiator.finish(reply.serverValue);
    const values = [initiator.publicValue, reply.serverValue] as const;
    const hash = this.hash(agreement, method, reply.hostKey, values, encodedSecret);
    const { provider, limits } = this.options;
    const { hostKey, signature } = reply;
    const proof: HostKeyProof = { algorithm: agreement.negotiated.hostKey, hostKey, signature };
    verifyHostKeyProof(proof, hash, provider, limits);
    this.firstProof ??= proof;
    this.keysReady(agreement, hash, encodedSecret);
    this.offeredHostKey = reply.hostKey;
    const { hostKey: accepted } = this;
    if (accepted === undefined) {
      this.sink.emit({ type: 'hostKey', hostKey: reply.hostKey, algorithm: agreement.negotiated.hostKey });
    } else if (equalBytes(accepted, reply.hostKey)) {
      this.acceptHostKey();
    } else {
      throw new SshError('ERR_SSH_HOST_KEY_CHANGED', 'the server showed another host key at a rekey', {
        phase: 'keyExchange',
      });
    }
  }

  private receiveInit(payload: Uint8Array, agreement: Agreement, method: KexMethod): void {
    const { provider, hostKeys } = this.options;
    const clientValue = decodeInit(payload, method);
    const algorithm = agreement.negotiated.hostKey;
    const privateKey = hostKeys.get(algorithm);
    if (privateKey === undefined) {
      throw new SshError('ERR_SSH_INTERNAL', `no host key serves ${algorithm}`, { origin: 'local' });
    }
    this.admit?.(method.work + signatureWork(privateKey));
    const { serverValue, encodedSecret } = method.respond(provider, clientValue);
    const hostKey = encodePublicKey(privateKey.publicKey);
    const hash = this.hash(agreement, method, hostKey, [clientValue, serverValue], encodedSecret);
    const signature = encodeSignature(algorithm, provider.sign(algorithm, privateKey, hash));
    sendReply(this.sink, method, { hostKey, serverValue, signature });
    const state = this.keysReady(agreement, hash, encodedSecret);
    this.hostKey = hostKey;
    this.sendNewKeys(state);
  }

  private hash(
    { clientKexInit, serverKexInit }: Agreement,
    method: KexMethod,
    hostKey: Uint8Array,
    publicValues: readonly [Uint8Array, Uint8Array],
    encodedSecret: Uint8Array,
  ): Uint8Array {
    const values = new WireWriter().bytes(method.hashPrefix);
    for (const value of publicValues) values[method.valueEncoding](value);
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

  private keysReady(agreement: Agreement, hash: Uint8Array, encodedSecret: Uint8Array): NewKeysState {
    this.sessionId ??= copyOf(hash);
    const { sessionId } = this;
    const { provider, role } = this.options;
    const kex = agreement.negotiated.kex as KexName;
    const { clientToServer, serverToClient } = deriveKeys(
      { provider, hash: kexMethods[kex].hash, encodedSecret, exchangeHash: hash, sessionId },
      agreement.negotiated,
    );
    wipe(encodedSecret);
    const keys: SessionKeys =
      role === 'client'
        ? { outgoing: clientToServer, incoming: serverToClient }
        : { outgoing: serverToClient, incoming: clientToServer };
    const state: NewKeysState = {
      name: 'newKeys',
      agreement,
      keys,
      sent: false,
      received: false,
    };
    this.enter(state);
    return state;
  }

  private sendNewKeys(state: NewKeysState): void {
    this.sink.sendNow(newKeys, {});
    state.sent = true;
    this.enter(state);
    this.sink.sealWith(state.keys.outgoing, this.strict, this.direction(state, 'outgoing').compression);
    this.finishIfBoth(state);
  }

  private enter(state: ExchangeState): void {
    this.state = state;
    this.idle = state.name === 'idle';
    if (state.name === 'newKeys') {
      this.holdsOutput = !state.sent;
      this.peerExchanging = !state.received;
    } else {
      this.holdsOutput = !this.idle;
      this.peerExchanging = !this.idle && state.name !== 'kexInitSent';
    }
  }

  private direction(state: NewKeysState, way: 'incoming' | 'outgoing'): NegotiatedDirection {
    const { clientToServer, serverToClient } = state.agreement.negotiated;
    return (this.options.role === 'client') === (way === 'outgoing') ? clientToServer : serverToClient;
  }

  private finishIfBoth(state: NewKeysState): void {
    if (!state.sent || !state.received) return;
    const { cause, negotiated, group } = state.agreement;
    this.negotiated = negotiated;
    this.enter(idleState);
    this.sink.emit({ type: 'keyExchanged', cause, negotiated, strict: this.strict, group });
    this.sink.exchangeFinished(cause);
  }
}

function bitsSetIn(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  }
  return count;
}
