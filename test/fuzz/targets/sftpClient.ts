/**
 * A client of SFTP against whatever a server sends.
 *
 * Owns: what the client asks and the server answers, truly or not; the laws of the machine:
 * one end with one cause, each request answered once at most and with what it asked for,
 * no wait left, no piece that matters.
 * Must not know: engines.
 */
import { defaultLimits } from '../../../src/base/limits.ts';
import { type Wait, WaitTable } from '../../../src/base/waits.ts';
import { encodeResponse, encodeVersion } from '../../../src/sftp/packet/frame.ts';
import type { SftpRequest } from '../../../src/sftp/packet/requests.ts';
import type { SftpResponse } from '../../../src/sftp/packet/responses.ts';
import { type SftpClientEvent, SftpClientProtocol } from '../../../src/sftp/protocol/client.ts';
import type { ClientRequest } from '../../../src/sftp/protocol/clientRequest.ts';
import { requestRows, responseRows } from '../../sftp/packets.ts';
import { decodeRecords, encodeRecords, type FuzzRecord } from '../records.ts';
import { type FuzzTarget, fine, fingerprintOf, law, type Verdict } from '../target.ts';

/** What a record does. */
export const operations = {
  bytes: 0,
  ask: 1,
  answer: 2,
  wrongAnswer: 3,
  time: 4,
  abandon: 5,
  end: 6,
} as const;

const limits = { ...defaultLimits, sftpPacketLength: 40_000, sftpRequests: 8, sftpNameLength: 300 };
const mostRecords = 200;

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

class Player {
  readonly told: string[] = [];
  private readonly waits = new WaitTable();
  private now = 0;
  private readonly core: SftpClientProtocol<number>;
  private readonly cut: boolean;
  private readonly open = new Map<number, ClientRequest<number>>();
  private nextToken = 0;
  private ended = 0;

  constructor(isGreeted: boolean, cut: boolean) {
    this.cut = cut;
    this.core = new SftpClientProtocol<number>({
      limits,
      waits: {
        start: (detail, onExpire): Wait => this.waits.start('request', detail, this.now, 15_000, onExpire),
        finish: (wait) => this.waits.finish(wait),
      },
    });
    if (isGreeted) this.receive(encodeVersion({ version: 3, extensions: [] }));
  }

  play({ operation, payload }: FuzzRecord): void {
    const [first = 0, second = 0] = payload;
    switch (operation % 7) {
      case operations.bytes:
        return this.receive(payload);
      case operations.ask:
        return this.ask((requestRows[first % requestRows.length] as (typeof requestRows)[number]).example);
      case operations.answer:
        return this.answer(first, payload.subarray(1));
      case operations.wrongAnswer:
        return this.wrongAnswer(first, second);
      case operations.time:
        this.now += first * 100;
        for (const wait of this.waits.expired(this.now)) wait.onExpire?.();
        return this.drain();
      case operations.abandon:
        return this.abandon(first);
      default:
        this.core.inputEnded();
        this.drain();
    }
  }

  finish(): Verdict {
    this.core.inputEnded();
    this.drain();
    law(this.ended === 1, `${this.ended} ends`);
    law(this.waits.size === 0, 'a wait that is left');
    law(this.core.inFlight === 0, 'a request that is left');
    law(this.core.takeOutput() === undefined, 'output behind the end');
    const { cause } = this.core;
    return cause === undefined ? fine : { code: cause.code, phase: cause.phase };
  }

  private receive(bytes: Uint8Array): void {
    const middle = this.cut ? bytes.length >> 1 : 0;
    for (const piece of [bytes.slice(0, middle), bytes.slice(middle)]) {
      this.core.receive(piece);
      this.drain();
    }
  }

  private ask(body: SftpRequest): void {
    if (!this.core.canRequest) return;
    const token = this.nextToken++;
    this.open.set(token, this.core.request(body, { name: body.kind, path: '/f' }, token));
    while (this.core.takeOutput() !== undefined);
  }

  /** The true kind of answer, with what the input says in it. */
  private answer(which: number, content: Uint8Array): void {
    const request = [...this.open.values()][which % Math.max(1, this.open.size)];
    if (request === undefined) return;
    this.receive(encodeResponse(request.id, answerOf(request.wanted, content)));
  }

  private wrongAnswer(which: number, kind: number): void {
    const request = [...this.open.values()][which % Math.max(1, this.open.size)];
    const row = responseRows[kind % responseRows.length] as (typeof responseRows)[number];
    this.receive(encodeResponse(request?.id ?? kind, row.example));
  }

  private abandon(which: number): void {
    const [token, request] = [...this.open][which % Math.max(1, this.open.size)] ?? [];
    if (token === undefined || request === undefined) return;
    this.core.abandon(request);
    this.open.delete(token);
  }

  private drain(): void {
    for (let event = this.core.nextEvent(); event !== undefined; event = this.core.nextEvent())
      this.tell(event);
    // A handle that nobody wants is closed, beyond the limit.
    law(this.core.inFlight <= 2 * limits.sftpRequests, 'more requests than are allowed');
    law(this.waits.size <= this.core.inFlight + 1, 'a wait without a request');
    while (this.core.takeOutput() !== undefined);
  }

  private tell(event: SftpClientEvent<number>): void {
    law(this.ended === 0, 'an event behind the end');
    if (event.type === 'ended') {
      this.ended++;
      law(event.tokens.length === this.open.size, 'an end that forgets a request');
      this.told.push(`ended ${event.error.code}`);
      return;
    }
    if (event.type === 'ready') return void this.told.push('ready');
    const { token, request } = event;
    law(this.open.get(token) === request, 'an answer to nothing');
    this.open.delete(token);
    if (event.type === 'expired') return void this.told.push(`expired ${token}`);
    const { answer } = event;
    if (answer.kind !== 'data') return void this.told.push(`${token} ${fingerprintOf(answer)}`);
    law(answer.length <= request.length, 'more data than was asked for');
    const data = Buffer.concat(answer.pieces as Uint8Array[]);
    law(data.length === answer.length, 'pieces that are not the data');
    this.told.push(`${token} ${data.toString('hex')}`);
  }
}

function answerOf(kind: string, content: Uint8Array): SftpResponse {
  switch (kind) {
    case 'data':
      return { kind: 'data', data: content };
    case 'handle':
      return { kind: 'handle', handle: content };
    case 'name':
      return { kind: 'name', names: [{ filename: content, longname: content, attrs: {} }] };
    case 'attrs':
      return { kind: 'attrs', attrs: { size: BigInt(content.length) } };
    case 'extendedReply':
      return { kind: 'extendedReply', payload: content };
    default:
      return { kind: 'status', errorCode: content[0] ?? 0, errorMessage: content, languageTag: content };
  }
}

function examine(data: Uint8Array): Verdict {
  const isGreeted = ((data[0] ?? 0) & 1) === 0;
  const records = decodeRecords(data, 1).slice(0, mostRecords);
  const players = [new Player(isGreeted, false), new Player(isGreeted, true)] as const;
  const verdicts = players.map((player) => {
    for (const record of records) player.play(record);
    return player.finish();
  });
  law(players[0].told.join('\n') === players[1].told.join('\n'), 'pieces matter');
  return verdicts[0] ?? fine;
}

const { bytes, ask, answer, wrongAnswer, time, abandon, end } = operations;
const record = (operation: number, ...payload: readonly number[]): FuzzRecord => ({
  operation,
  payload: Uint8Array.from(payload),
});

export const sftpClient: FuzzTarget = {
  name: 'sftpClient',
  shape: 'records',
  examine,
  seeds: () => [
    encodeRecords(1, [record(bytes, ...encodeVersion({ version: 3, extensions: [] })), record(end)]),
    encodeRecords(1, [record(bytes, ...Buffer.from('Welcome!\r\n'))]),
    encodeRecords(
      0,
      requestRows.flatMap((_, index) => [record(ask, index), record(answer, 0, 1, 2, 3)]),
    ),
    encodeRecords(0, [
      record(ask, 2),
      record(ask, 0),
      record(answer, 1, 5),
      record(abandon, 0),
      record(time, 200),
      record(answer, 0, 1),
    ]),
    encodeRecords(0, [record(ask, 15), record(wrongAnswer, 0, 2), record(end)]),
    ...responseRows.map(({ encoded }) => encodeRecords(0, [record(ask, 2), record(bytes, ...encoded)])),
  ],
  stepBudget: 20_000_000,
  dictionary: ['SSH_FXP', 'limits@openssh.com'],
};
