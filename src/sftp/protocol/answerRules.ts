/**
 * What may answer a request.
 *
 * Owns: draft-ietf-secsh-filexfer-02 §6 (which answer belongs to which request), and
 * the rules that keep a transfer from going wrong or on for ever: no more data than was
 * asked for, one name where one was asked for, no second empty answer in a row.
 * Must not know: ids, how an answer came.
 */
import type { SshError } from '../../base/errors.ts';
import { packetName, packetTypes } from '../packet/numbers.ts';
import { requestCodecs } from '../packet/requests.ts';
import type { NameEntry } from '../packet/responses.ts';
import { statusCodes } from '../packet/status.ts';
import type { Answer, ClientRequest } from './clientRequest.ts';
import { protocolError } from './errors.ts';

/** The part of a request that its answer is held to. */
type Asked = Pick<ClientRequest<unknown>, 'kind' | 'wanted' | 'length'>;

export class AnswerRules {
  private readonly longestName: number;
  /** Answers in a row that said neither something nor that there is nothing. */
  private emptyAnswers = 0;

  constructor(longestName: number) {
    this.longestName = longestName;
  }

  /** @throws SshError `ERR_SSH_SFTP_PROTOCOL` */
  check(request: Asked, answer: Answer): void {
    const { wanted } = request;
    if (answer.kind === 'status') {
      const isOk = answer.errorCode === statusCodes.ok;
      if (isOk && wanted !== 'status' && wanted !== 'extendedReply') throw unfit(request, 'SSH_FX_OK');
      this.emptyAnswers = 0;
      return;
    }
    if (answer.kind !== wanted) throw unfit(request, packetName(packetTypes[answer.kind]));
    if (answer.kind === 'data') {
      this.checkDataLength(request, answer.length);
      this.noteEmpty(answer.length === 0, request);
    } else if (answer.kind === 'name') this.checkNames(request, answer.names);
  }

  /**
   * Before any of the data is taken.
   *
   * @throws SshError `ERR_SSH_SFTP_PROTOCOL`
   */
  checkDataLength(request: Asked, length: number): void {
    if (request.kind !== 'read') throw unfit(request, packetName(packetTypes.data));
    if (length <= request.length) return;
    throw protocolError(`${length} bytes of data where ${request.length} were asked for`);
  }

  private checkNames(request: Asked, names: readonly NameEntry[]): void {
    for (const { filename } of names) {
      if (filename.length <= this.longestName) continue;
      throw protocolError(
        `a name of ${filename.length} bytes where ${this.longestName} are allowed (limits.sftpNameLength)`,
      );
    }
    if (request.kind === 'readdir') this.noteEmpty(names.length === 0, request);
    else if (names.length !== 1) {
      throw protocolError(`${names.length} names in answer to ${requestCodecs[request.kind].name}`);
    }
  }

  /** Nothing, twice in a row, would be asked for again for ever. */
  private noteEmpty(isEmpty: boolean, request: Asked): void {
    this.emptyAnswers = isEmpty ? this.emptyAnswers + 1 : 0;
    if (this.emptyAnswers < 2) return;
    const { name } = requestCodecs[request.kind];
    throw protocolError(`two empty answers in a row to ${name}, where SSH_FX_EOF tells the end`);
  }
}

function unfit(request: Asked, found: string): SshError {
  return protocolError(`${found} in answer to ${requestCodecs[request.kind].name}`);
}
