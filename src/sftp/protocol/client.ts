/**
 * The client's side of SFTP as an object without a connection.
 *
 * Owns: draft-ietf-secsh-filexfer-02 for a client: the agreement on a version,
 * requests by id, answers in any order, each held to what was asked; the wait of
 * each request; the one end with its one cause.
 * Must not know: channels, promises, what a caller wants with a file.
 *
 * It throws nothing over what a peer sent: a fault becomes the last event. An
 * answer that nobody waits for any more is taken and dropped. A handle in it is
 * closed.
 */
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import type { Wait } from '../../base/waits.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import {
  dataHeaderLength,
  decodeResponse,
  encodeInit,
  headerLength,
  lengthField,
  writeHeaderLength,
  writeRead,
  writeRequest,
  writeWriteHeader,
} from '../packet/frame.ts';
import { packetName, packetTypes, protocolVersion } from '../packet/numbers.ts';
import { requestCodecs, type SftpRequest } from '../packet/requests.ts';
import { type Version, version as versionCodec } from '../packet/responses.ts';
import { AnswerRules } from './answerRules.ts';
import { type Answer, ClientRequest, wantedAnswer } from './clientRequest.ts';
import { faultOf, type Operation, protocolError } from './errors.ts';
import { mayBeVersion, notSftp, quotedBytes } from './greeting.ts';
import { OutputQueue } from './output.ts';
import { packedListing } from './packedListing.ts';
import { PacketQueue } from './packetQueue.ts';
import type { RequestWaits } from './waits.ts';

export interface SftpClientOptions {
  readonly limits: Pick<Limits, 'sftpPacketLength' | 'sftpRequests' | 'sftpNameLength'>;
  readonly waits: RequestWaits;
}

export type SftpClientEvent<Token> =
  /** The server's version and what it announces beyond it. */
  | { readonly type: 'ready'; readonly version: Version }
  | {
      readonly type: 'answered';
      readonly request: ClientRequest<Token>;
      readonly token: Token;
      readonly answer: Answer;
    }
  /** No answer in time. The session goes on: a late answer is dropped. */
  | {
      readonly type: 'expired';
      readonly request: ClientRequest<Token>;
      readonly token: Token;
      readonly wait: Wait;
    }
  /** Nothing follows. `tokens` are those whose requests have no answer. */
  | { readonly type: 'ended'; readonly error: SshError; readonly tokens: readonly Token[] };

/** Of the requests that may be in flight, the part that may be overdue before the server is given up. */
const overduePart = 1 / 4;

export class SftpClientProtocol<Token> {
  /** Why the session ended; undefined while it lives. */
  cause: SshError | undefined;
  private state: 'version' | 'open' | 'ended' = 'version';
  private readonly options: SftpClientOptions;
  private readonly input: PacketQueue;
  private readonly output = new OutputQueue();
  private readonly events: SftpClientEvent<Token>[] = [];
  private readonly requests = new Map<number, ClientRequest<Token>>();
  private nextId = 0;
  private overdue = 0;
  private versionWait: Wait | undefined;
  private readonly rules: AnswerRules;
  /** The READ whose DATA is coming in, and what is left of it. */
  private incoming: ClientRequest<Token> | undefined;
  private incomingLeft = 0;

  constructor(options: SftpClientOptions) {
    this.options = options;
    this.input = new PacketQueue(options.limits.sftpPacketLength);
    this.rules = new AnswerRules(options.limits.sftpNameLength);
    this.output.push(encodeInit({ version: protocolVersion, extensions: [] }));
    const wait = options.waits.start('SSH_FXP_VERSION', () => this.versionOverdue(wait));
    this.versionWait = wait;
  }

  // Our side ------------------------------------------------------------------

  /** Requests without an answer; those that nobody waits for are among them. */
  get inFlight(): number {
    return this.requests.size;
  }

  /** A request may be made now: the versions are agreed on and the limit is not reached. */
  get canRequest(): boolean {
    return this.state === 'open' && this.requests.size < this.options.limits.sftpRequests;
  }

  /**
   * Sends a request. It comes back in `answered` or `expired`, or its token in `ended`.
   *
   * @throws SshError the cause once the session has ended, `ERR_SSH_LIMIT` where `canRequest` is false,
   *   `ERR_SSH_OPTIONS` for one that is longer than a packet may be
   */
  request(body: SftpRequest, operation: Operation, token: Token): ClientRequest<Token> {
    this.check();
    return this.send(body, operation, token);
  }

  /** A READ, without an object for it. Throws as `request`. */
  read(
    handle: Uint8Array,
    offset: number,
    length: number,
    operation: Operation,
    token: Token,
  ): ClientRequest<Token> {
    this.check();
    const request = this.begin('read', 'data', operation, length, token);
    this.output.write((writer) => writeRead(writer, request.id, handle, offset, length));
    return request;
  }

  /**
   * A WRITE whose data is not copied. `block` has `writeHeaderLength(handle)` bytes
   * for what stands before the data; its memory must stay as it is until the
   * transport has taken it. Throws as `request`.
   */
  write(
    handle: Uint8Array,
    offset: number,
    block: Uint8Array,
    operation: Operation,
    token: Token,
  ): ClientRequest<Token> {
    this.check();
    this.checkLength(block.length - lengthField, operation);
    const length = block.length - writeHeaderLength(handle);
    const request = this.begin('write', 'status', operation, length, token);
    const writer = new WireWriter(block, 0);
    writeWriteHeader(writer, request.id, handle, offset, length);
    this.output.push(block);
    return request;
  }

  /** Nobody waits for the answer any more. Its wait stays: the server still owes the answer. */
  abandon(request: ClientRequest<Token>): void {
    request.token = undefined;
    request.pieces = [];
  }

  /** Bytes to be sent; their memory is not written to any more. */
  takeOutput(): Uint8Array | undefined {
    return this.output.take();
  }

  /** Bytes that `takeOutput` has still to give. */
  get pendingOutput(): number {
    return this.output.length;
  }

  nextEvent(): SftpClientEvent<Token> | undefined {
    return this.events.shift();
  }

  /** Ends the session for a reason of this side or of the connection. Does nothing once it has ended. */
  fail(error: SshError): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.cause = error;
    const { waits } = this.options;
    if (this.versionWait !== undefined) waits.finish(this.versionWait);
    const tokens: Token[] = [];
    for (const { wait, token } of this.requests.values()) {
      if (wait !== undefined) waits.finish(wait);
      if (token !== undefined) tokens.push(token);
    }
    this.requests.clear();
    this.incoming = undefined;
    this.output.clear();
    this.events.push({ type: 'ended', error, tokens });
  }

  // The peer's side -------------------------------------------------------------

  /** Takes bytes of the server, and ownership of them. */
  receive(chunk: Uint8Array): void {
    if (this.state === 'ended') return;
    this.input.push(chunk);
    try {
      while (this.step());
    } catch (error) {
      this.fail(faultOf(error));
    }
  }

  /** The server sends no more. */
  inputEnded(): void {
    if (this.state === 'ended') return;
    if (this.state === 'version' && this.input.length > 0) {
      return this.fail(notSftp(this.input.viewFirst(quotedBytes)));
    }
    const when =
      this.state === 'version' ? 'before SFTP began: it may not offer SFTP to this user' : 'the SFTP session';
    this.fail(new SshError('ERR_SSH_CHANNEL_CLOSED', `the server ended ${when}`, { origin: 'peer' }));
  }

  private step(): boolean {
    if (this.state === 'version') return this.takeVersion();
    if (this.state === 'ended') return false;
    if (this.incoming !== undefined) return this.takeData(this.incoming);
    const length = this.input.claimedLength();
    if (length === undefined) return false;
    const type = this.input.peekType(Math.min(dataHeaderLength, lengthField + length));
    if (type === undefined) return false;
    if (type === packetTypes.data && length >= dataHeaderLength - lengthField) return this.beginData(length);
    return this.takeAnswer();
  }

  private takeVersion(): boolean {
    const { input } = this;
    const { sftpPacketLength } = this.options.limits;
    const first = input.viewFirst(quotedBytes);
    if (!mayBeVersion(first, sftpPacketLength)) throw notSftp(first);
    if (!input.next()) return false;
    const version = versionCodec.decode(new WireReader(input.buffer, input.start + 1, input.end));
    if (version.version !== protocolVersion) throw wrongVersion(version.version);
    this.state = 'open';
    if (this.versionWait !== undefined) this.options.waits.finish(this.versionWait);
    this.versionWait = undefined;
    this.events.push({ type: 'ready', version });
    return true;
  }

  private takeAnswer(): boolean {
    const { input } = this;
    if (!input.next()) return false;
    const { id, body } = decodeResponse(input.buffer, input.start, input.end);
    const request = this.answerTo(id, packetName(input.buffer[input.start] ?? 0));
    const answer: Answer =
      body.kind === 'data' ? { kind: 'data', pieces: [body.data], length: body.data.length } : body;
    this.rules.check(request, answer);
    const isListing = answer.kind === 'name' && request.kind === 'readdir';
    this.finish(request, isListing ? packedListing(input.buffer.slice(input.start, input.end)) : answer);
    return true;
  }

  /** The data of a DATA is taken as it comes: its pieces are not put together here. */
  private beginData(length: number): boolean {
    const { input } = this;
    const request = this.answerTo(input.peekUint32(lengthField + 1), 'SSH_FXP_DATA');
    const dataLength = input.peekUint32(headerLength);
    if (dataLength !== lengthField + length - dataHeaderLength) {
      throw protocolError(
        `an SSH_FXP_DATA of ${dataLength} bytes in a packet that has ${lengthField + length - dataHeaderLength}`,
      );
    }
    this.rules.checkDataLength(request, dataLength);
    input.skip(dataHeaderLength);
    this.incoming = request;
    this.incomingLeft = dataLength;
    return true;
  }

  private takeData(request: ClientRequest<Token>): boolean {
    while (this.incomingLeft > 0) {
      const piece = this.input.takePiece(this.incomingLeft);
      if (piece === undefined) return false;
      this.incomingLeft -= piece.length;
      if (request.token !== undefined) request.pieces.push(piece);
    }
    this.incoming = undefined;
    const { pieces } = request;
    let length = 0;
    for (const piece of pieces) length += piece.length;
    const answer: Answer = { kind: 'data', pieces, length };
    if (request.token !== undefined) this.rules.check(request, answer);
    this.finish(request, answer);
    return true;
  }

  private finish(request: ClientRequest<Token>, answer: Answer): void {
    this.requests.delete(request.id);
    if (request.wait !== undefined) this.options.waits.finish(request.wait);
    if (request.overdue) this.overdue--;
    const { token } = request;
    if (token !== undefined) this.events.push({ type: 'answered', request, token, answer });
    else if (answer.kind === 'handle') {
      this.send({ kind: 'close', handle: answer.handle }, { name: 'close', path: undefined }, undefined);
    }
  }

  private answerTo(id: number, name: string): ClientRequest<Token> {
    const request = this.requests.get(id);
    if (request === undefined) throw protocolError(`an ${name} to request ${id}, which is not open`);
    return request;
  }

  // Requests ----------------------------------------------------------------------

  private check(): void {
    if (this.cause !== undefined) throw this.cause;
    if (this.canRequest) return;
    throw new SshError('ERR_SSH_LIMIT', 'too many SFTP requests in flight (limits.sftpRequests)', {
      origin: 'local',
    });
  }

  private send(body: SftpRequest, operation: Operation, token: Token | undefined): ClientRequest<Token> {
    const length = body.kind === 'read' ? body.length : body.kind === 'write' ? body.data.length : 0;
    const request = this.begin(body.kind, wantedAnswer(body), operation, length, token);
    try {
      this.output.write((writer) => {
        const start = writer.position;
        writeRequest(writer, request.id, body);
        const length = writer.position - start - lengthField;
        if (length <= this.options.limits.sftpPacketLength) return;
        writer.position = start;
        this.checkLength(length, operation);
      });
    } catch (error) {
      this.requests.delete(request.id);
      if (request.wait !== undefined) this.options.waits.finish(request.wait);
      throw error;
    }
    return request;
  }

  private begin(
    kind: SftpRequest['kind'],
    wanted: Answer['kind'],
    operation: Operation,
    length: number,
    token: Token | undefined,
  ): ClientRequest<Token> {
    while (this.requests.has(this.nextId)) this.countId();
    const id = this.nextId;
    this.countId();
    const request = new ClientRequest(id, kind, wanted, operation, length, token);
    this.requests.set(id, request);
    const wait = this.options.waits.start(`the answer to ${requestCodecs[kind].name} ${id}`, () =>
      this.expired(request, wait),
    );
    request.wait = wait;
    return request;
  }

  private countId(): void {
    this.nextId = (this.nextId + 1) >>> 0;
  }

  private checkLength(length: number, { name }: Operation): void {
    const { sftpPacketLength } = this.options.limits;
    if (length <= sftpPacketLength) return;
    throw new SshError(
      'ERR_SSH_OPTIONS',
      `${name} would take a packet of ${length} bytes where ${sftpPacketLength} are allowed (limits.sftpPacketLength)`,
      { origin: 'user' },
    );
  }

  // Deadlines ---------------------------------------------------------------------

  private expired(request: ClientRequest<Token>, wait: Wait): void {
    this.options.waits.finish(wait);
    if (this.requests.get(request.id) !== request) return;
    request.overdue = true;
    this.overdue++;
    const { token } = request;
    this.abandon(request);
    if (token !== undefined) this.events.push({ type: 'expired', request, token, wait });
    if (this.overdue < Math.max(1, this.options.limits.sftpRequests * overduePart)) return;
    this.fail(
      new SshError(
        'ERR_SSH_TIMEOUT',
        `the server has left ${this.overdue} SFTP requests without an answer: the SFTP session is given up`,
        { origin: 'deadline', waitingFor: 'request', deadline: wait.timeout },
      ),
    );
  }

  private versionOverdue(wait: Wait): void {
    this.options.waits.finish(wait);
    const heard = this.input.length === 0 ? 'nothing' : `${this.input.length} bytes of it`;
    this.fail(
      new SshError(
        'ERR_SSH_TIMEOUT',
        `the server sent ${heard} where SSH_FXP_VERSION was due within ${wait.timeout} ms`,
        { origin: 'deadline', waitingFor: 'request', deadline: wait.timeout, elapsed: wait.timeout },
      ),
    );
  }
}

function wrongVersion(found: number): SshError {
  if (found > protocolVersion) {
    return protocolError(`its version is ${found}, where at most ${protocolVersion} was offered`);
  }
  return new SshError(
    'ERR_SSH_SFTP_PROTOCOL',
    `the server speaks version ${found} of SFTP; this library speaks version ${protocolVersion}`,
    { origin: 'peer' },
  );
}

/** The extensions of a VERSION by name, each with its data as escaped text. */
export function announcedExtensions(version: Version): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { name, data } of version.extensions) {
    found.set(escapeText(name), escapeText(String.fromCharCode(...data.subarray(0, 64))));
  }
  return found;
}
