/**
 * One request of ours, from its sending to its answer.
 *
 * Owns: what it asked for, as far as the answer is held to it, and what came of it.
 * Must not know: how it is sent, who asked.
 */
import type { Wait } from '../../base/waits.ts';
import type { SftpRequest } from '../packet/requests.ts';
import type { SftpResponse } from '../packet/responses.ts';
import type { Operation } from './errors.ts';

/** The data of a DATA, in the pieces in which it came; they are the receiver's. */
export interface DataAnswer {
  readonly kind: 'data';
  readonly pieces: readonly Uint8Array[];
  /** Bytes of all pieces. */
  readonly length: number;
}

/** What a server answers to a request. */
export type Answer = Exclude<SftpResponse, { kind: 'data' }> | DataAnswer;

/** Extensions that are answered by a NAME (OpenSSH PROTOCOL §4.8, §4.11). */
const answeredByName: ReadonlySet<string> = new Set(['expand-path@openssh.com', 'home-directory']);

/** The kind of answer that gives what was asked for; a STATUS may stand in its place. */
export function wantedAnswer(body: SftpRequest): Answer['kind'] {
  return body.kind === 'extended' && answeredByName.has(body.extendedRequest)
    ? 'name'
    : usualAnswer(body.kind);
}

function usualAnswer(kind: SftpRequest['kind']): Answer['kind'] {
  switch (kind) {
    case 'open':
    case 'opendir':
      return 'handle';
    case 'read':
      return 'data';
    case 'readdir':
    case 'realpath':
    case 'readlink':
      return 'name';
    case 'stat':
    case 'lstat':
    case 'fstat':
      return 'attrs';
    case 'extended':
      return 'extendedReply';
    case 'close':
    case 'write':
    case 'setstat':
    case 'fsetstat':
    case 'remove':
    case 'mkdir':
    case 'rmdir':
    case 'rename':
    case 'symlink':
      return 'status';
    default:
      return kind satisfies never;
  }
}

export class ClientRequest<Token> {
  readonly id: number;
  readonly kind: SftpRequest['kind'];
  /** The kind of answer that gives what was asked for. */
  readonly wanted: Answer['kind'];
  readonly operation: Operation;
  /** Bytes that a READ asked for, or that a WRITE carries; 0 for all else. */
  readonly length: number;
  /** Whose it is. Undefined once nobody waits for the answer, which is taken and dropped then. */
  token: Token | undefined;
  wait: Wait | undefined;
  /** Its deadline has passed. */
  overdue = false;
  /** Of a DATA that is coming in. */
  pieces: Uint8Array[] = [];

  constructor(
    id: number,
    kind: SftpRequest['kind'],
    wanted: Answer['kind'],
    operation: Operation,
    length: number,
    token: Token | undefined,
  ) {
    this.id = id;
    this.kind = kind;
    this.wanted = wanted;
    this.operation = operation;
    this.length = length;
    this.token = token;
  }
}
