/**
 * The server's side of SFTP as an object without a connection.
 *
 * Owns: draft-ietf-secsh-filexfer-02 for a server: the agreement on a version, requests
 * as events, their answers, the bounds on both; what it answers by itself (a request
 * that is malformed or of no known kind).
 * Must not know: channels, promises, files.
 *
 * Back-pressure: bytes are decoded only while fewer requests than `sftpRequests` wait
 * for their answer and the answers that wait to be sent are below a bound. Anybody who
 * feeds it looks at `wantsInput` first.
 */
import { utf8Encode } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import type { Extension } from '../packet/extensionPairs.ts';
import {
  dataHeaderLength,
  decodeRequest,
  encodeVersion,
  writeDataHeader,
  writeResponse,
} from '../packet/frame.ts';
import { packetName, packetTypes, protocolVersion } from '../packet/numbers.ts';
import { type Init, init, type SftpRequest } from '../packet/requests.ts';
import type { SftpResponse } from '../packet/responses.ts';
import { statusCodes, statusName } from '../packet/status.ts';
import { faultOf, protocolError } from './errors.ts';
import { OutputQueue } from './output.ts';
import { PacketQueue } from './packetQueue.ts';

export interface SftpServerOptions {
  readonly limits: Pick<Limits, 'sftpPacketLength' | 'sftpRequests'>;
  /** What is announced beyond the version. */
  readonly extensions: readonly Extension[];
}

/** A request of the client. It gets exactly one answer. */
export interface ServerRequest {
  readonly id: number;
  readonly body: SftpRequest;
}

export type SftpServerEvent =
  /** The client's version; ours is announced already. */
  | { readonly type: 'ready'; readonly init: Init }
  /** The data of a WRITE is a window into the packet, which nobody else holds. */
  | { readonly type: 'request'; readonly request: ServerRequest }
  /** Nothing follows. */
  | { readonly type: 'ended'; readonly error: SshError };

/** Answers that wait to be sent, in bytes, beyond which no further request is decoded. */
const mostPendingOutput = 1024 * 1024;

export class SftpServerProtocol {
  /** Why the session ended; undefined while it lives. */
  cause: SshError | undefined;
  private state: 'init' | 'open' | 'ended' = 'init';
  private readonly options: SftpServerOptions;
  private readonly input: PacketQueue;
  private readonly output = new OutputQueue();
  private readonly events: SftpServerEvent[] = [];
  private readonly unanswered = new Set<ServerRequest>();
  private isInputOver = false;

  constructor(options: SftpServerOptions) {
    this.options = options;
    this.input = new PacketQueue(options.limits.sftpPacketLength);
  }

  /** Requests without an answer. */
  get inFlight(): number {
    return this.unanswered.size;
  }

  /** More bytes can be put to use now. What comes while this is false is held. */
  get wantsInput(): boolean {
    return (
      this.state !== 'ended' &&
      this.unanswered.size < this.options.limits.sftpRequests &&
      this.output.length < mostPendingOutput
    );
  }

  /** Takes bytes of the client, and ownership of them. */
  receive(chunk: Uint8Array): void {
    if (this.state === 'ended') return;
    this.input.push(chunk);
    this.advance();
  }

  /** The client sends no more; what it has asked is still answered. */
  inputEnded(): void {
    this.isInputOver = true;
    this.advance();
  }

  /**
   * Answers a request. An answer to one that has been answered, or that came before
   * the end, is dropped.
   */
  answer(request: ServerRequest, response: SftpResponse): void {
    if (!this.unanswered.delete(request)) return;
    this.output.write((writer) => writeResponse(writer, request.id, response));
    this.advance();
  }

  /**
   * Answers a READ with data that is not copied. `block` has `dataHeaderLength` bytes for
   * what stands before the data; its memory must stay as it is until the transport has
   * taken it.
   */
  answerData(request: ServerRequest, block: Uint8Array): void {
    if (!this.unanswered.delete(request)) return;
    writeDataHeader(new WireWriter(block, 0), request.id, block.length - dataHeaderLength);
    this.output.push(block);
    this.advance();
  }

  /** Answers with a STATUS; the text is the usual one for the code where none is given. */
  answerStatus(request: ServerRequest, errorCode: number, errorMessage?: string): void {
    this.answer(request, statusResponse(errorCode, errorMessage));
  }

  /** Bytes to be sent; their memory is not written to any more. */
  takeOutput(): Uint8Array | undefined {
    const output = this.output.take();
    if (output !== undefined) this.advance();
    return output;
  }

  get pendingOutput(): number {
    return this.output.length;
  }

  nextEvent(): SftpServerEvent | undefined {
    return this.events.shift();
  }

  /** Ends the session for a reason of this side or of the connection. Does nothing once it has ended. */
  fail(error: SshError): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.cause = error;
    this.unanswered.clear();
    this.output.clear();
    this.events.push({ type: 'ended', error });
  }

  private advance(): void {
    try {
      while (this.wantsInput && this.input.next()) this.take();
    } catch (error) {
      this.fail(faultOf(error));
    }
    const isIdle = this.unanswered.size === 0 && this.output.length === 0;
    if (this.isInputOver && this.wantsInput && isIdle) this.fail(this.endOfInput());
  }

  private take(): void {
    const { buffer, start, end } = this.input;
    const type = buffer[start] ?? 0;
    if (this.state === 'init') {
      if (type !== packetTypes.init) throw protocolError(`${packetName(type)} before SSH_FXP_INIT`);
      return this.takeInit(init.decode(new WireReader(buffer, start + 1, end)));
    }
    const id = new WireReader(buffer, start + 1, end).uint32();
    try {
      const { body } = decodeRequest(buffer, start, end);
      if (body === undefined) return this.answerAtOnce(id, statusCodes.opUnsupported);
      const request: ServerRequest = { id, body };
      this.unanswered.add(request);
      this.events.push({ type: 'request', request });
    } catch (error) {
      // The borders of packets are known still: what follows can be answered.
      if (!(error instanceof SshError) || error.code !== 'ERR_SSH_DECODE') throw error;
      this.answerAtOnce(id, statusCodes.badMessage, error.message);
    }
  }

  private takeInit(found: Init): void {
    this.state = 'open';
    const { extensions } = this.options;
    this.output.push(encodeVersion({ version: protocolVersion, extensions }));
    this.events.push({ type: 'ready', init: found });
  }

  private answerAtOnce(id: number, errorCode: number, errorMessage?: string): void {
    this.output.write((writer) => writeResponse(writer, id, statusResponse(errorCode, errorMessage)));
  }

  private endOfInput(): SshError {
    if (this.input.length > 0) return protocolError('the client stopped in the middle of a packet');
    return new SshError('ERR_SSH_CHANNEL_CLOSED', 'the client ended the SFTP session', { origin: 'peer' });
  }
}

/** A STATUS; the text is the usual one for the code where none is given. */
export function statusResponse(errorCode: number, errorMessage?: string): SftpResponse {
  return {
    kind: 'status',
    errorCode,
    errorMessage: utf8Encode(errorMessage ?? usualText(errorCode)),
    languageTag: english,
  };
}

const english = utf8Encode('en');

function usualText(errorCode: number): string {
  switch (errorCode) {
    case statusCodes.ok:
      return 'Success';
    case statusCodes.eof:
      return 'End of file';
    case statusCodes.noSuchFile:
      return 'No such file';
    case statusCodes.permissionDenied:
      return 'Permission denied';
    case statusCodes.failure:
      return 'Failure';
    case statusCodes.badMessage:
      return 'Bad message';
    case statusCodes.opUnsupported:
      return 'Operation unsupported';
    default:
      return statusName(errorCode);
  }
}
