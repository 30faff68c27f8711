/**
 * The connection protocol: the table of channels and the global requests.
 *
 * Owns: RFC 4254 §4 (global requests), §5.1 (opening), and the way of each
 * channel message to its channel. Sends data of all channels in turn.
 * Must not know: sockets, clocks (the transport has the time it was given),
 * what channel types and requests mean.
 */
import { emptyBytes, escapeText } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { Timeouts } from '../base/timeouts.ts';
import type { Wait, WaitTable } from '../base/waits.ts';
import {
  channelClose,
  channelEof,
  channelFailure,
  channelOpen,
  channelOpenConfirmation,
  channelOpenFailure,
  channelOpenFailureReasons,
  channelSuccess,
  channelWindowAdjust,
  extendedDataTypes,
} from '../message/channel.ts';
import { channelRequest, exitSignal, exitStatus } from '../message/channelRequest.ts';
import { globalRequest, requestFailure, requestSuccess } from '../message/globalRequest.ts';
import {
  channelDataStart,
  channelExtendedDataStart,
  readDataTypeCode,
  readRecipientChannel,
} from '../message/hot.ts';
import { messageNumbers } from '../message/numbers.ts';
import type { Role } from '../transport/identification.ts';
import type { Transport } from '../transport/transport.ts';
import { WireReader } from '../wire/reader.ts';
import type { Channel, ChannelRequest, ChannelSink } from './channel.ts';
import { ChannelMessages } from './channelMessages.ts';
import { ChannelTable } from './channelTable.ts';
import type { ConnectionEvent } from './events.ts';
import { type GlobalRequest, type GlobalRequestSink, GlobalRequests } from './globalRequests.ts';
import { OutputScheduler } from './outputScheduler.ts';

/** Of the message at hand, of whatever connection. */
const reader: WireReader = new WireReader(emptyBytes);

/** Anybody who has the connection. */
export interface ConnectionUpper {
  queueEvent(event: ConnectionEvent): void;
  /** The error of a call whose wait expired. */
  timeoutError(wait: Wait): SshError;
}

/** What connections of one kind share. */
export interface ConnectionSettings {
  readonly role: Role;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
}

export interface ConnectionOptions {
  readonly transport: Transport;
  readonly settings: ConnectionSettings;
  readonly waits: WaitTable;
  readonly upper: ConnectionUpper;
}

/** The connection protocol (RFC 4254): channels and global requests. */
export class Connection implements ChannelSink, GlobalRequestSink {
  private readonly transport: Transport;
  private readonly settings: ConnectionSettings;
  private readonly waits: WaitTable;
  private readonly upper: ConnectionUpper;
  /** Undefined while there are no channels. */
  private table: ChannelTable | undefined;
  private scheduler: OutputScheduler | undefined;
  private channelMessages: ChannelMessages | undefined;
  /** Undefined while no answer is due. */
  private globalRequests: GlobalRequests | undefined;
  /** Milliseconds; answers of a server that works on them take longer, so the shortest counts. */
  roundTrip: number = Number.POSITIVE_INFINITY;

  constructor({ transport, settings, waits, upper }: ConnectionOptions) {
    this.transport = transport;
    this.settings = settings;
    this.waits = waits;
    this.upper = upper;
  }

  /** Channels that hold a number, in the order in which they were opened. */
  list(): readonly Channel[] {
    return this.table?.list() ?? [];
  }

  /** Bytes that users have written and that were not sealed yet. */
  get pendingBytes(): number {
    return this.list().reduce((sum, { pendingBytes }) => sum + pendingBytes, 0);
  }

  // Ours ------------------------------------------------------------------------

  /**
   * Sends CHANNEL_OPEN; `channelOpened` or `channelOpenFailed` follows.
   *
   * @param channelTypeData what the type adds to the message (RFC 4254 §6.1, §7.2)
   * @throws SshError `ERR_SSH_LIMIT` when all channels are in use, or the message fits in no packet
   */
  open(type: string, channelTypeData: Uint8Array): Channel {
    this.channels.checkRoom();
    const channel = this.channels.add(type, ({ localId, receiveWindow }) =>
      this.transport.send(channelOpen, {
        channelType: type,
        senderChannel: localId,
        initialWindowSize: receiveWindow,
        maximumPacketSize: this.settings.limits.maximumPacketSize,
        channelTypeData,
      }),
    );
    channel.wait = this.startWait('channelOpen', `the opening of a ${type} channel`, () =>
      this.openExpired(channel),
    );
    return channel;
  }

  /**
   * Sends a global request. Where it wants a reply, the returned object comes back in `globalRequestAnswered`.
   *
   * @throws SshError `ERR_SSH_REQUEST_FAILED` where it wants a reply and the answer to an earlier one is overdue
   */
  request(name: string, payload: Uint8Array, wantReply: true): GlobalRequest;
  request(name: string, payload: Uint8Array, wantReply: false): undefined;
  request(name: string, payload: Uint8Array, wantReply: boolean): GlobalRequest | undefined {
    if (wantReply) return this.ours.ask(name, payload);
    this.transport.send(globalRequest, { requestName: name, wantReply, requestData: payload });
    return undefined;
  }

  /** Sends a global request whose answer only shows that the peer is there; it has no wait of its own. */
  probe(name: string): void {
    this.ours.probe(name);
  }

  /** Answers a `globalRequest` event that wants a reply; these must be answered in order. */
  replyGlobal(success: boolean, payload: Uint8Array = emptyBytes): void {
    if (success) this.transport.send(requestSuccess, { responseData: payload });
    else this.transport.send(requestFailure, {});
  }

  /** Confirms a `channelOpenRequested`. */
  acceptOpen(channel: Channel, channelTypeData: Uint8Array = emptyBytes): void {
    channel.opened(channel.remoteId, channel.sendWindow, channel.sendMaximumPacketSize);
    this.transport.send(channelOpenConfirmation, {
      recipientChannel: channel.remoteId,
      senderChannel: channel.localId,
      initialWindowSize: channel.receiveWindow,
      maximumPacketSize: this.settings.limits.maximumPacketSize,
      channelTypeData,
    });
  }

  /** Refuses a `channelOpenRequested`. */
  refuseOpen(channel: Channel, reasonCode: number, description: string): void {
    this.transport.spendIdleMessage();
    this.sendOpenFailure(channel.remoteId, reasonCode, description);
    this.remove(channel);
  }

  private sendOpenFailure(recipientChannel: number, reasonCode: number, description: string): void {
    this.transport.send(channelOpenFailure, { recipientChannel, reasonCode, description, languageTag: '' });
  }

  /** Begins to close a channel, with a bound on the peer's answer; `channelClosed` follows in either case. */
  close(channel: Channel): void {
    if (channel.closeSent) return;
    channel.close();
    if (!channel.closeSent) return;
    channel.wait = this.startWait('close', `SSH_MSG_CHANNEL_CLOSE of channel ${channel.localId}`, () =>
      this.closeExpired(channel),
    );
  }

  /** Seals data and EOFs while the transport takes them, a packet of each channel in turn. */
  pump(): void {
    this.scheduler?.pump();
  }

  // Theirs ------------------------------------------------------------------------

  /** A message of the connection protocol: its number is at `buffer[start]`. */
  receive(number: number, buffer: Uint8Array, start: number, end: number): void {
    reader.reset(buffer, start + 1, end);
    switch (number) {
      case messageNumbers.channelData: {
        const channel = this.channels.openOne(readRecipientChannel(buffer, start, end));
        const dataStart = channelDataStart(buffer, start, end);
        this.transport.noteData(end - dataStart);
        return channel.receiveData('data', buffer, dataStart, end);
      }
      case messageNumbers.globalRequest:
        return this.receiveGlobalRequest(reader);
      case messageNumbers.requestSuccess:
        return this.receiveGlobalReply(true, requestSuccess.decode(reader).responseData);
      case messageNumbers.requestFailure:
        requestFailure.decode(reader);
        return this.receiveGlobalReply(false, emptyBytes);
      case messageNumbers.channelOpen:
        return this.receiveOpen(reader);
      case messageNumbers.channelOpenConfirmation:
        return this.receiveConfirmation(reader);
      case messageNumbers.channelOpenFailure:
        return this.receiveOpenFailure(reader);
      case messageNumbers.channelWindowAdjust:
        return this.receiveAdjust(reader);
      case messageNumbers.channelExtendedData:
        return this.receiveExtended(buffer, start, end);
      case messageNumbers.channelEof:
        return this.channels.openOne(channelEof.decode(reader).recipientChannel).receiveEof();
      case messageNumbers.channelClose:
        return this.receiveClose(this.channels.openOne(channelClose.decode(reader).recipientChannel));
      case messageNumbers.channelRequest:
        return this.receiveChannelRequest(reader);
      case messageNumbers.channelSuccess:
        return this.receiveRequestReply(channelSuccess.decode(reader).recipientChannel, true);
      case messageNumbers.channelFailure:
        return this.receiveRequestReply(channelFailure.decode(reader).recipientChannel, false);
      default:
        throw internal(`the gate let message ${number} through`);
    }
  }

  private receiveRequestReply(channel: number, success: boolean): void {
    const { answersAfterClose } = this.transport.quirks;
    if (answersAfterClose && this.channels.get(channel)?.state !== 'open') this.transport.spendIdleMessage();
    else this.channels.openOne(channel).receiveReply(success);
  }

  private receiveGlobalRequest(reader: WireReader): void {
    this.transport.spendIdleMessage();
    const { requestName, wantReply, requestData: payload } = globalRequest.decode(reader);
    this.emit({ type: 'globalRequest', name: requestName, wantReply, payload });
  }

  private receiveGlobalReply(success: boolean, payload: Uint8Array): void {
    this.ours.answered(success, payload);
    this.forgetGlobalRequests();
  }

  /** UNIMPLEMENTED came (RFC 4253 §11.4): of a global request it is the only answer there will be. */
  notUnderstood(sequenceNumber: number): void {
    this.globalRequests?.notUnderstood(sequenceNumber);
    this.forgetGlobalRequests();
  }

  private get ours(): GlobalRequests {
    this.globalRequests ??= new GlobalRequests(this.transport, this);
    return this.globalRequests;
  }

  /** A connection that idles holds nothing of those it once had. */
  private forgetGlobalRequests(): void {
    if (this.globalRequests?.isEmpty === true) this.globalRequests = undefined;
  }

  private receiveOpen(reader: WireReader): void {
    const { channelType, senderChannel, initialWindowSize, maximumPacketSize, channelTypeData } =
      channelOpen.decode(reader);
    if (!this.channels.hasRoom) {
      this.transport.spendIdleMessage();
      const { resourceShortage } = channelOpenFailureReasons;
      this.sendOpenFailure(senderChannel, resourceShortage, 'too many channels');
      return;
    }
    const channel = this.channels.add(channelType);
    channel.remoteId = senderChannel;
    channel.sendWindow = initialWindowSize;
    channel.sendMaximumPacketSize = maximumPacketSize;
    this.emit({ type: 'channelOpenRequested', channel, channelTypeData });
  }

  private receiveConfirmation(reader: WireReader): void {
    const { recipientChannel, senderChannel, initialWindowSize, maximumPacketSize } =
      channelOpenConfirmation.decode(reader);
    const channel = this.channels.openingOne(recipientChannel);
    this.noteRoundTrip(channel.wait);
    this.waits.finish(channel.wait);
    channel.opened(senderChannel, initialWindowSize, maximumPacketSize);
    if (channel.isUnwanted) this.close(channel);
    else this.emit({ type: 'channelOpened', channel });
  }

  private receiveOpenFailure(reader: WireReader): void {
    const { recipientChannel, reasonCode, description } = channelOpenFailure.decode(reader);
    const channel = this.channels.openingOne(recipientChannel);
    const { isUnwanted } = channel;
    this.remove(channel);
    if (isUnwanted) return this.emit({ type: 'channelClosed', channel });
    const error = openFailureError(channel.type, reasonCode, description, this.list());
    this.emit({ type: 'channelOpenFailed', channel, error });
  }

  /** Late adjustments for channels that are gone are common and harmless. */
  private receiveAdjust(reader: WireReader): void {
    const { recipientChannel, bytesToAdd } = channelWindowAdjust.decode(reader);
    const channel = this.channels.get(recipientChannel);
    if (channel === undefined || channel.state !== 'open') this.transport.spendIdleMessage();
    else channel.receiveAdjust(bytesToAdd);
  }

  private receiveExtended(buffer: Uint8Array, start: number, end: number): void {
    const channel = this.channels.openOne(readRecipientChannel(buffer, start, end));
    const dataStart = channelExtendedDataStart(buffer, start, end);
    this.transport.noteData(end - dataStart);
    if (readDataTypeCode(buffer, start, end) === extendedDataTypes.stderr) {
      channel.receiveData('extended', buffer, dataStart, end);
    } else {
      this.transport.chargeInflatedBytes();
      channel.receiveUnknownExtended(end - dataStart);
    }
  }

  private receiveClose(channel: Channel): void {
    channel.receiveClose();
    this.remove(channel);
    this.emit({ type: 'channelClosed', channel });
  }

  private receiveChannelRequest(reader: WireReader): void {
    const { recipientChannel, requestType, wantReply, requestData: payload } = channelRequest.decode(reader);
    const channel = this.channels.openOne(recipientChannel);
    // What has ended was begun.
    if (requestType === exitStatus.name || requestType === exitSignal.name) channel.presumeGranted();
    this.emit({ type: 'channelRequest', channel, requestType, wantReply, payload });
  }

  // ChannelSink ----------------------------------------------------------------------

  /** Queues an event, for the parts of this layer. */
  emit(event: ConnectionEvent): void {
    this.upper.queueEvent(event);
  }

  /** Writes the messages of channels. */
  get messages(): ChannelMessages {
    this.channelMessages ??= new ChannelMessages(this.transport);
    return this.channelMessages;
  }

  /** Begins the wait for an answer, for the parts of this layer. */
  startRequestWait(channel: Channel, request: ChannelRequest): void {
    request.wait = this.startWait(
      'request',
      `the answer to ${request.requestType} on channel ${channel.localId}`,
      () => this.requestExpired(request),
    );
  }

  /** Begins a wait with the timeout of its name, or with a shorter one. */
  startWait(
    name: 'channelOpen' | 'close' | 'request',
    detail: string,
    onExpire: () => void,
    atMost: number = Number.POSITIVE_INFINITY,
  ): Wait {
    const timeout = Math.min(this.settings.timeouts[name], atMost);
    return this.waits.start(name, detail, this.now, timeout, onExpire);
  }

  get now(): number {
    return this.transport.now;
  }

  get requestTimeout(): number {
    return this.settings.timeouts.request;
  }

  /** Ends a wait. */
  finishWait(wait: Wait | undefined): void {
    this.waits.finish(wait);
  }

  wantsOutput(channel: Channel): void {
    if (channel.state !== 'open') return;
    this.scheduler ??= new OutputScheduler(this.transport, this.settings.limits);
    this.scheduler.add(channel);
  }

  /** Nobody wants the channel being opened any more: it is closed as soon as the peer confirms it. */
  abandonOpen(channel: Channel): void {
    this.waits.finish(channel.wait);
    channel.abandon();
  }

  // Expiry: the call ends, the connection lives ----------------------------------------

  private openExpired(channel: Channel): void {
    const error = this.expired(channel.wait);
    channel.abandon();
    this.emit({ type: 'channelOpenFailed', channel, error });
  }

  private requestExpired(request: ChannelRequest): void {
    if (request.channel.hasOutput) return request.channel.presumeGranted();
    const error = this.expired(request.wait);
    request.abandoned = true;
    this.emit({ type: 'channelRequestAnswered', request, success: false, error });
  }

  /** The number stays taken, for the peer may still use it; its user is still told. */
  private closeExpired(channel: Channel): void {
    this.waits.finish(channel.wait);
    channel.letGo();
    this.emit({ type: 'channelClosed', channel });
  }

  /** The connection is over: only readers hold what their channels hold. */
  letGo(): void {
    for (const channel of this.list()) channel.letGo();
    this.forgetChannels();
    this.table = undefined;
    this.globalRequests = undefined;
  }

  private forgetChannels(): void {
    // What readers still hold of channels that are gone counts against the next ones.
    if (this.table?.isUnused === true) this.table = undefined;
    this.scheduler = undefined;
    this.channelMessages = undefined;
  }

  /** Told how long an answer took, for the windows. */
  noteRoundTrip(wait: Wait | undefined): void {
    if (wait !== undefined) this.roundTrip = Math.min(this.roundTrip, Math.max(1, this.now - wait.since));
  }

  expired(wait: Wait | undefined): SshError {
    if (wait === undefined) throw internal('no wait to expire');
    this.waits.finish(wait);
    return this.upper.timeoutError(wait);
  }

  private get channels(): ChannelTable {
    const { limits, role } = this.settings;
    this.table ??= new ChannelTable(this, limits, role === 'server');
    return this.table;
  }

  private remove(channel: Channel): void {
    this.waits.finish(channel.wait);
    this.channels.remove(channel);
    if (!this.channels.isEmpty) return;
    // What a new connection has not, one that idles lets go.
    this.forgetChannels();
    this.transport.rest();
  }
}

/**
 * The error of a channel that the peer refused.
 *
 * @param description the peer's, not escaped yet
 * @param channels the others that there are
 */
function openFailureError(
  channelType: string,
  reasonCode: number,
  description: string,
  channels: readonly Channel[],
): SshError {
  const what = `the server refused a ${channelType} channel (${reasonName(reasonCode)})`;
  const words = description === '' ? '' : `: ${escapeText(description)}`;
  const hint = channelType === 'session' ? `; ${sessionHint(channels)}` : '';
  return new SshError('ERR_SSH_CHANNEL_OPEN_FAILED', `${what}${words}${hint}`, {
    channelOpenReason: reasonCode,
  });
}

/** Servers do not say that there are too many: OpenSSH's refusal has the words `open failed`. */
function sessionHint(channels: readonly Channel[]): string {
  const openSessions = channels.filter(({ type, state }) => type === 'session' && state === 'open').length;
  if (openSessions === 0) {
    return 'no other is open on this connection, so it may allow this user none, or have no room for more at present';
  }
  const open = openSessions === 1 ? '1 is' : `${openSessions} are`;
  return (
    `${open} open on this connection, and servers allow a number of them (OpenSSH 10 by default, its MaxSessions): ` +
    'close some, let calls wait for their turn with maxChannels, or connect once more'
  );
}

function reasonName(reasonCode: number): string {
  const entry = Object.entries(channelOpenFailureReasons).find(([, code]) => code === reasonCode);
  return entry === undefined ? `reason ${reasonCode}` : entry[0];
}

function internal(what: string): SshError {
  return new SshError('ERR_SSH_INTERNAL', what, { origin: 'local' });
}
