/**
 * The transport layer: one object between the bytes of a connection and its messages.
 *
 * Owns: RFC 4253 §11 (disconnect, ignore, debug, unimplemented), §10 (service
 * request), §9 (when to exchange keys again), RFC 4344 §3, ping@openssh.com, the
 * order in which messages of the layers above wait for a key exchange.
 * Must not know: authentication, channels, sockets, clocks (`now` is given).
 */
import { emptyBytes } from '../base/bytes.ts';
import type { Limits } from '../base/limits.ts';
import type { CryptoProvider, DirectionKeys } from '../crypto/provider/provider.ts';
import type { MessageCodec } from '../message/codec.ts';
import { isConnectionNumber, isUserauthNumber, messageNumbers } from '../message/numbers.ts';
import {
  debug,
  disconnect,
  extInfo,
  ping,
  pong,
  serviceAccept,
  serviceRequest,
  unimplemented,
} from '../message/transport.ts';
import { PacketOpener } from '../packet/opener.ts';
import { PacketSealer } from '../packet/sealer.ts';
import type { ByteQueue } from '../wire/byteQueue.ts';
import { WireReader } from '../wire/reader.ts';
import type { WireWriter } from '../wire/writer.ts';
import { Compression, isCompressing, wantsZlib } from './compression.ts';
import type { KeyExchangeCause, TransportEvent } from './events.ts';
import { announce, noExtensions, type PeerExtensions, readExtensions } from './extInfo.ts';
import { disconnected, notStrict, sequenceWrapped, unexpectedMessage } from './gate/faults.ts';
import { type GateState, type GateView, judge } from './gate/gate.ts';
import { PeerAllowances } from './gate/peerAllowances.ts';
import { type Identification, IdentificationReader, type Role } from './identification.ts';
import { KeyExchange } from './kex/keyExchange.ts';
import type { HostKeys, KeyExchangeSink } from './kex/keyExchangeOptions.ts';
import type { AlgorithmPreferences } from './kex/negotiation.ts';
import { noRekey, type RekeyPolicy, rekeyCause } from './kex/rekeyPolicy.ts';
import { type Sealed, TransportOutput } from './output.ts';
import { type Quirks, quirksOf } from './quirks.ts';

export { defaultRekeyPolicy, type RekeyPolicy } from './kex/rekeyPolicy.ts';

/** Data is not sealed ahead beyond this, so that what is queued stays small and control messages overtake data. */
const outputAhead = 256 * 1024;

/** Of the message at hand, of whatever connection. */
const reader: WireReader = new WireReader(emptyBytes);

export interface TransportOptions {
  /** Which side this is. */
  readonly role: Role;
  /** Does the arithmetic. */
  readonly provider: CryptoProvider;
  /** The algorithms that are offered, best first. */
  readonly preferences: AlgorithmPreferences;
  /** What the peer may make this side hold or do. */
  readonly limits: Limits;
  /** When new keys are agreed on. */
  readonly rekey: RekeyPolicy;
  /** Identification string of this side, without CR LF. */
  readonly identification: Uint8Array;
  /** Server role only. */
  readonly hostKeys: HostKeys;
  /** Announced with EXT_INFO to a peer that asks for it. */
  readonly extensions: Readonly<Record<string, string>>;
  /** End the connection unless the peer offers strict key exchange. */
  readonly requireStrict: boolean;
}

/** Those above the transport. */
export interface TransportUpper {
  emit(event: TransportEvent): void;
  /** A message 50 or above, legal in the present state: its number is at `buffer[start]`. Valid until return. */
  receiveMessage(number: number, buffer: Uint8Array, start: number, end: number): void;
}

/** The transport protocol (RFC 4253): packets, keys, services. */
export class Transport implements KeyExchangeSink, GateView {
  /** The key exchange, and what the last one agreed on. */
  readonly keyExchange: KeyExchange;
  /** Takes the protection off packets. */
  readonly opener: PacketOpener;
  /** Puts the protection on packets. */
  readonly sealer: PacketSealer;
  /** What is to be sent, in its order. */
  readonly output: TransportOutput;
  /** What the peer named; undefined until it did. */
  remote: Identification | undefined;
  /** What the peer said in EXT_INFO (RFC 8308). */
  peerExtensions: PeerExtensions = noExtensions;
  /** How far the connection is; the layers above move it on. */
  gateState: GateState = 'beforeKexInit';
  /** The time the last call from outside brought. */
  now: number;
  /** Number of the last message received, for reports. */
  lastMessage = 0;
  /** Packets that came. */
  packetsIn = 0;

  /** What the peer is known to do, from its identification on. */
  quirks: Quirks = quirksOf(undefined);

  private readonly options: TransportOptions;
  private readonly upper: TransportUpper;
  /** Once it was agreed on. */
  private compression: Compression | undefined;
  /** From here on what this side says may be compressed: SUCCESS came or was sealed. */
  private outgoingAuthenticated = false;
  private asksForZlib = false;
  /** Until the peer has said who it is. */
  private identificationReader: IdentificationReader | undefined;
  /** Made when something is charged to it. */
  private allowances: PeerAllowances | undefined;
  private extInfoReceived = 0;
  private keysSince: number;
  private rekeyPolicy: RekeyPolicy;
  private firstKeysSealed = false;

  constructor(options: TransportOptions, upper: TransportUpper, now: number) {
    const { role, provider, limits } = options;
    this.options = options;
    this.upper = upper;
    this.now = now;
    this.keysSince = now;
    this.rekeyPolicy = options.rekey;
    this.opener = new PacketOpener({ limits });
    if (role === 'server')
      this.opener.maximum = Math.min(limits.packetLength, limits.unauthenticatedPacketLength);
    this.sealer = new PacketSealer(provider);
    this.keyExchange = new KeyExchange(options, this);
    this.identificationReader = new IdentificationReader(role, limits);
    this.output = new TransportOutput(this.sealer, options);
  }

  /**
   * Takes one step: the peer's identification or one packet.
   *
   * @returns false when more bytes are needed
   */
  step(queue: ByteQueue): boolean {
    const { identificationReader } = this;
    if (identificationReader !== undefined) return this.identify(identificationReader, queue);
    if (!this.opener.next(queue)) return false;
    this.packetsIn++;
    this.dispatch();
    return true;
  }

  /** What came in place of an identification, escaped. */
  receivedInstead(queue: ByteQueue): string {
    return this.identificationReader?.received(queue) ?? '';
  }

  // Sending ----------------------------------------------------------------

  /**
   * Sends a message, or lets it wait for this side's NEWKEYS.
   *
   * @param sealed told of the number of its packet, now or later
   * @throws SshError `ERR_SSH_LIMIT` where it fits in no packet, or too much waits already; nothing is sent then
   */
  send<T>(message: MessageCodec<T>, value: T, sealed?: Sealed): void {
    this.output.send(message, value, this.keyExchange.holdsOutput, sealed);
  }

  /** Data may be sealed: no key exchange is under way and little is queued. */
  get takesData(): boolean {
    return !this.keyExchange.holdsOutput && this.sealer.pending < outputAhead;
  }

  /** A writer for the payload of a data packet; only while `takesData`. `endData` seals it. */
  beginData(): WireWriter {
    return this.sealer.begin();
  }

  /**
   * Seals what the writer of `beginData` has.
   *
   * @param length bytes of channel data in the packet
   */
  endData(length: number): void {
    this.output.seal();
    this.noteData(length);
  }

  /** Channel data went one way or the other. */
  noteData(length: number): void {
    this.allowances?.noteData(length);
  }

  /** The last channel is gone: what a new connection has not, one that idles lets go. */
  rest(): void {
    this.allowances?.rest(this.now);
    if (this.allowances?.isEmpty === true) this.allowances = undefined;
  }

  /** Bytes that wait for the socket. */
  get pendingOutput(): number {
    return this.output.pending;
  }

  /** Bytes for the socket, owned by the caller; undefined when there are none. */
  takeOutput(): Uint8Array | undefined {
    return this.output.take();
  }

  /** Packets that were sealed. */
  get packetsOut(): number {
    return this.output.packets;
  }

  /** Asks for a service (RFC 4253 §10). */
  requestService(service: string): void {
    this.send(serviceRequest, { serviceName: service });
  }

  /** Answers a request for a service. */
  acceptService(service: string): void {
    this.send(serviceAccept, { serviceName: service });
  }

  /** Says goodbye, past whatever is held back. */
  disconnect(reasonCode: number, description: string): void {
    if (this.remote === undefined) return;
    this.output.sendNow(disconnect, { reasonCode, description, languageTag: '' });
  }

  /** Asks for a PONG (OpenSSH PROTOCOL §1.8); only where the peer announced it. */
  ping(): void {
    this.send(ping, { data: emptyBytes });
  }

  /** Starts a key exchange unless one is under way. */
  rekey(cause: KeyExchangeCause): void {
    this.keyExchange.start(cause);
  }

  /** When the next key exchange is due by time alone. */
  get rekeyAt(): number {
    if (this.keyExchange.negotiated === undefined || !this.keyExchange.idle) return Number.POSITIVE_INFINITY;
    return this.keysSince + this.rekeyPolicy.interval;
  }

  /** Starts a key exchange where a limit of the policy is reached. */
  rekeyIfDue(): void {
    if (!this.keyExchange.idle || this.keyExchange.negotiated === undefined) return;
    const cause = rekeyCause(this.rekeyPolicy, this.opener, this.sealer);
    if (cause !== undefined) this.rekey(cause);
    else if (this.now >= this.rekeyAt) this.rekey('time');
  }

  /**
   * SUCCESS came or was said: the connection begins, and with it compression where
   * it was agreed on. A SUCCESS of ours that waits for a key exchange is not
   * compressed yet, and neither is what was said before it.
   */
  authenticated(): void {
    const { role, preferences } = this.options;
    this.gateState = 'connection';
    this.opener.maximum = this.options.limits.packetLength;
    this.keyExchange.authenticated = true;
    this.output.whenSealed(this.keyExchange.holdsOutput, () => {
      this.outgoingAuthenticated = true;
      this.compression?.beginOutgoing();
    });
    this.compression?.beginIncoming();
    this.asksForZlib = role === 'client' && preferences.compression.includes('zlib');
    this.askForZlib();
  }

  /** Once, as soon as no other exchange is under way. */
  private askForZlib(): void {
    if (!this.asksForZlib || !this.keyExchange.idle) return;
    this.asksForZlib = false;
    if (wantsZlib(this.options.preferences, this.keyExchange)) this.rekey('compression');
  }

  /** Made by the first keys that bring any. */
  private compressionFor(name: string): Compression | undefined {
    if (this.compression !== undefined || !isCompressing(name)) return this.compression;
    const { role, limits } = this.options;
    this.compression = new Compression(this.opener, this.sealer, limits.inflatedPayload, role === 'server');
    if (this.outgoingAuthenticated) this.compression.beginOutgoing();
    if (this.gateState === 'connection') this.compression.beginIncoming();
    return this.compression;
  }

  // KeyExchangeSink ----------------------------------------------------------

  sendNow<T>(message: MessageCodec<T>, value: T): Uint8Array {
    return this.output.sendNow(message, value);
  }

  /** Queues an event, for the parts of this layer. */
  emit(event: TransportEvent): void {
    this.upper.emit(event);
  }

  sealWith(keys: DirectionKeys, resetSequence: boolean, compression: string): void {
    this.sealer.use(this.options.provider.createSealingCipher(keys), { resetSequence });
    this.compressionFor(compression)?.sealWith(compression);
    if (!this.firstKeysSealed) {
      this.firstKeysSealed = true;
      if (this.keyExchange.peerWantsExtInfo) this.sendNow(extInfo, announce(this.options.extensions));
    }
    this.output.release();
  }

  openWith(keys: DirectionKeys, resetSequence: boolean, compression: string): void {
    this.opener.use(this.options.provider.createOpeningCipher(keys), { resetSequence });
    this.compressionFor(compression)?.openWith(compression);
    if (this.gateState === 'initialKeyExchange') this.gateState = 'service';
  }

  exchangeFinished(): void {
    this.keysSince = this.now;
    this.askForZlib();
  }

  peerKexInitWasFirst(): boolean {
    return this.packetsIn === 1;
  }

  // Receiving ----------------------------------------------------------------

  private identify(reader: IdentificationReader, queue: ByteQueue): boolean {
    const remote = reader.next(queue);
    if (remote === undefined) return false;
    this.identificationReader = undefined;
    this.quirks = quirksOf(remote.softwareVersion);
    if (this.quirks.knowsNoRekey) this.rekeyPolicy = noRekey;
    this.remote = remote;
    this.keyExchange.peerIdentification = remote.line;
    this.emit({ type: 'identified', remote });
    this.keyExchange.quirks = this.quirks;
    this.keyExchange.start('initial');
    return true;
  }

  private dispatch(): void {
    const { payload, payloadStart, payloadEnd } = this.opener;
    const number = payload[payloadStart] as number;
    this.lastMessage = number;
    if (this.opener.inflates) this.chargeInflation(number);
    if (
      this.opener.sequenceNumber === 0 &&
      this.gateState === 'initialKeyExchange' &&
      number !== messageNumbers.newKeys
    ) {
      throw sequenceWrapped();
    }
    switch (judge(this, number)) {
      case 'unexpected':
        throw unexpectedMessage(
          number,
          `${this.gateState}${this.keyExchange.peerExchanging ? ', key exchange' : ''}`,
        );
      case 'unimplemented':
        this.spendIdleMessage();
        this.send(unimplemented, { packetSequenceNumber: (this.opener.sequenceNumber - 1) >>> 0 });
        return;
      case 'accept':
        if (isUserauthNumber(number) || isConnectionNumber(number)) {
          this.upper.receiveMessage(number, payload, payloadStart, payloadEnd);
        } else {
          this.receive(number, payload, payloadStart, payloadEnd);
        }
    }
  }

  private receive(number: number, payload: Uint8Array, start: number, end: number): void {
    reader.reset(payload, start + 1, end);
    switch (number) {
      case messageNumbers.disconnect:
        throw disconnected(reader);
      case messageNumbers.ignore:
        return this.spendIdleMessage();
      case messageNumbers.unimplemented:
        this.spendIdleMessage();
        this.emit({
          type: 'unimplemented',
          sequenceNumber: unimplemented.decode(reader).packetSequenceNumber,
        });
        return;
      case messageNumbers.debug: {
        this.spendIdleMessage();
        const { message, alwaysDisplay } = debug.decode(reader);
        this.emit({ type: 'debug', message, alwaysDisplay });
        return;
      }
      case messageNumbers.serviceRequest:
        this.emit({ type: 'serviceRequested', service: serviceRequest.decode(reader).serviceName });
        return;
      case messageNumbers.serviceAccept:
        this.emit({ type: 'serviceAccepted', service: serviceAccept.decode(reader).serviceName });
        return;
      case messageNumbers.extInfo:
        this.extInfoReceived++;
        this.peerExtensions = readExtensions(extInfo.decode(reader), this.quirks, this.options.role);
        this.emit({ type: 'extensions', extensions: this.peerExtensions });
        return;
      case messageNumbers.kexInit:
        return this.receiveKexInit(payload.subarray(start, end));
      case messageNumbers.newKeys:
        reader.end();
        return this.keyExchange.receiveNewKeys();
      case messageNumbers.ping:
        this.spendIdleMessage();
        this.send(pong, { data: ping.decode(reader).data });
        return;
      case messageNumbers.pong:
        pong.decode(reader);
        this.emit({ type: 'pong' });
        return;
      default:
        this.keyExchange.receiveMethodMessage(payload.subarray(start, end));
    }
  }

  private receiveKexInit(payload: Uint8Array): void {
    if (this.gateState === 'beforeKexInit') this.gateState = 'initialKeyExchange';
    else if (this.keyExchange.idle) this.charged.spendKeyExchange(this.now);
    this.keyExchange.receiveKexInit(payload);
    if (this.options.requireStrict && !this.keyExchange.strict) throw notStrict();
  }

  /** The message at hand has no effect. @throws SshError `ERR_SSH_LIMIT` where there were too many of them */
  spendIdleMessage(): void {
    this.charged.spendMessage(this.now);
  }

  /** The window is what bounds channel data; the bytes of all else, and blocks by the thousand, are charged. */
  private chargeInflation(number: number): void {
    this.charged.spendInflation(this.now, 0, this.opener.excessBlocks);
    if (number !== messageNumbers.channelData && number !== messageNumbers.channelExtendedData)
      this.chargeInflatedBytes();
  }

  /** The message at hand brings nothing for the bytes that it became. */
  chargeInflatedBytes(): void {
    this.charged.spendInflation(this.now, this.opener.excessBytes, 0);
  }

  private get charged(): PeerAllowances {
    this.allowances ??= new PeerAllowances(this.options.limits, this.options.role);
    return this.allowances;
  }

  // What the gate goes by ---------------------------------------------------------------

  get extInfoAllowed(): boolean {
    if (this.gateState === 'service') return this.extInfoReceived === 0;
    return this.gateState === 'authentication' && this.options.role === 'client' && this.extInfoReceived < 2;
  }

  get pingAllowed(): boolean {
    return this.peerExtensions.ping || Object.hasOwn(this.options.extensions, 'ping@openssh.com');
  }

  /** Which side this is. */
  get role(): Role {
    return this.options.role;
  }

  get strict(): boolean {
    return this.keyExchange.strict;
  }

  get peerRekeying(): boolean {
    return this.keyExchange.peerExchanging;
  }

  get talksDuringRekey(): Quirks['talksDuringRekey'] {
    return this.quirks.talksDuringRekey;
  }
}
