/**
 * SFTP's machines in a test: waits by hand, answers as bytes.
 *
 * Owns: a table of waits whose clock the test moves; a client whose events are gathered.
 * Must not know: what a test is about.
 */
import { defaultLimits, type Limits } from '../../src/base/limits.ts';
import { type Wait, WaitTable } from '../../src/base/waits.ts';
import { encodeResponse, encodeVersion } from '../../src/sftp/packet/frame.ts';
import type { SftpRequest } from '../../src/sftp/packet/requests.ts';
import type { SftpResponse } from '../../src/sftp/packet/responses.ts';
import { type SftpClientEvent, SftpClientProtocol } from '../../src/sftp/protocol/client.ts';
import type { ClientRequest } from '../../src/sftp/protocol/clientRequest.ts';
import { statusResponse } from '../../src/sftp/protocol/server.ts';
import type { RequestWaits } from '../../src/sftp/protocol/waits.ts';

export class ManualWaits implements RequestWaits {
  readonly table: WaitTable = new WaitTable();
  now = 0;

  start(detail: string, onExpire: () => void): Wait {
    return this.table.start('request', detail, this.now, 15_000, onExpire);
  }

  finish(wait: Wait): void {
    this.table.finish(wait);
  }

  /** Lets time pass. */
  pass(milliseconds: number): void {
    this.now += milliseconds;
    for (const wait of this.table.expired(this.now)) wait.onExpire?.();
  }
}

export const handleBytes: Uint8Array = Uint8Array.of(0x68, 0x31);

/** A client and what it told. */
export class ClientProbe {
  readonly waits: ManualWaits = new ManualWaits();
  readonly events: SftpClientEvent<string>[] = [];
  readonly core: SftpClientProtocol<string>;

  constructor(limits: Partial<Limits> = {}) {
    this.core = new SftpClientProtocol<string>({
      limits: { ...defaultLimits, ...limits },
      waits: this.waits,
    });
  }

  /** A client that has agreed on a version, its INIT taken. */
  static ready(limits?: Partial<Limits>): ClientProbe {
    const probe = new ClientProbe(limits);
    probe.output();
    probe.receive(encodeVersion({ version: 3, extensions: [] }));
    probe.events.length = 0;
    return probe;
  }

  receive(...chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) {
      // The core owns what it is given.
      this.core.receive(chunk.slice());
      this.collect();
    }
  }

  pass(milliseconds: number): void {
    this.waits.pass(milliseconds);
    this.collect();
  }

  collect(): void {
    for (let event = this.core.nextEvent(); event !== undefined; event = this.core.nextEvent())
      this.events.push(event);
  }

  /** All output. */
  output(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let part = this.core.takeOutput(); part !== undefined; part = this.core.takeOutput())
      parts.push(part);
    return new Uint8Array(Buffer.concat(parts));
  }

  ask(body: SftpRequest, token: string = 'a', path: string | undefined = '/f'): ClientRequest<string> {
    return this.core.request(body, { name: body.kind, path }, token);
  }

  answer(request: ClientRequest<string>, response: SftpResponse): void {
    this.receive(encodeResponse(request.id, response));
  }

  /** The answers, each with the token of its request. */
  get answers(): readonly (readonly [string, string])[] {
    return this.events.flatMap((event) =>
      event.type === 'answered' ? [[event.token, event.answer.kind] as const] : [],
    );
  }

  get ended(): (SftpClientEvent<string> & { type: 'ended' }) | undefined {
    return this.events.find((event) => event.type === 'ended');
  }
}

export const ok: SftpResponse = statusResponse(0);
export const statusOf = (code: number, text?: string): SftpResponse => statusResponse(code, text);
export const dataOf = (...bytes: readonly number[]): SftpResponse => ({
  kind: 'data',
  data: Uint8Array.from(bytes),
});
export const aRead = (length: number, offset: bigint = 0n): SftpRequest => ({
  kind: 'read',
  handle: handleBytes,
  offset,
  length,
});
export const pathBytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
