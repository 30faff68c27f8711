/**
 * What a peer may make this side do for nothing.
 *
 * Owns: which allowance a deed is charged to, what each costs, and what gives it back.
 * Must not know: messages, key exchanges, how data is compressed.
 *
 * An allowance is made when it is first spent: most connections never get there.
 */
import type { Limits } from '../../base/limits.ts';
import type { Role } from '../identification.ts';
import { Allowance } from './allowance.ts';

const messagesPerSecond = 100;
const keyExchangesPerSecond = 0.1;
/**
 * Channel data in either direction that pays for one key exchange. sshd with the
 * smallest RekeyLimit begins one for each packet of a transfer, and a client that
 * ends there gets no file. A server that serves many is less patient with one.
 */
const bytesPerKeyExchange = { client: 4096, server: 1024 * 1024 };
/**
 * What as much work as a message without effect is: a dynamic block takes about 12
 * microseconds, whose tables have to be made, and so do this many bytes of output.
 */
const inflatedBytesPerMessage = 4096;

export class PeerAllowances {
  private readonly limits: Limits;
  private readonly role: Role;
  private messages: Allowance | undefined;
  private keyExchanges: Allowance | undefined;

  /** @param role whose peer it is that spends: as a client, this side pays for what a server does */
  constructor(limits: Limits, role: Role) {
    this.limits = limits;
    this.role = role;
  }

  /** A message without effect came. */
  spendMessage(now: number): void {
    this.messagesAt(now).spend(now);
  }

  /** Decompressing a message took more than its bytes account for. */
  spendInflation(now: number, bytes: number, blocks: number): void {
    const cost = bytes / inflatedBytesPerMessage + blocks;
    if (cost > 0) this.messagesAt(now).spend(now, cost);
  }

  /** The peer begins a key exchange. */
  spendKeyExchange(now: number): void {
    const what = 'key exchanges, with little data between them';
    this.keyExchanges ??= new Allowance(
      what,
      this.limits.keyExchangesWithoutData,
      keyExchangesPerSecond,
      now,
    );
    this.keyExchanges.spend(now);
  }

  /** Channel data went one way or the other. */
  noteData(bytes: number): void {
    this.keyExchanges?.earn(bytes / bytesPerKeyExchange[this.role]);
  }

  /** Lets go what is as if it had never been spent. */
  rest(now: number): void {
    if (this.messages?.isWhole(now) === true) this.messages = undefined;
    if (this.keyExchanges?.isWhole(now) === true) this.keyExchanges = undefined;
  }

  get isEmpty(): boolean {
    return this.messages === undefined && this.keyExchanges === undefined;
  }

  private messagesAt(now: number): Allowance {
    const what = 'messages without effect';
    this.messages ??= new Allowance(what, this.limits.messagesWithoutEffect, messagesPerSecond, now);
    return this.messages;
  }
}
