/**
 * Whether a peer that says nothing is still there.
 *
 * Owns: when it is asked for a sign of life, and how many questions in a row may
 * stay without any packet of the peer's.
 * Must not know: what a question is made of, clocks (the time is given).
 */
import type { KeepAlive } from '../base/timeouts.ts';
import type { Wait, WaitTable } from '../base/waits.ts';

/** What is asked of the connection. */
export interface ProbedConnection {
  /** The time the last call from outside brought. */
  readonly now: number;
  /** Sends what a peer that is there answers. */
  sendProbe(): void;
  /** As many probes as may stay without an answer did, this the last of them. */
  peerIsGone(last: Wait): void;
}

export class KeepAliveProbes {
  private readonly connection: ProbedConnection;
  private readonly options: KeepAlive;
  private readonly waits: WaitTable;
  /** Undefined while no answer is due. */
  private wait: Wait | undefined;
  private missed = 0;
  private lastPacketAt: number;
  private packetsSeen = 0;

  constructor(connection: ProbedConnection, options: KeepAlive, waits: WaitTable, now: number) {
    this.connection = connection;
    this.options = options;
    this.waits = waits;
    this.lastPacketAt = now;
  }

  /** @param packets that came so far: any packet is a sign of life */
  heard(packets: number, now: number): void {
    if (packets === this.packetsSeen) return;
    this.packetsSeen = packets;
    this.lastPacketAt = now;
    this.missed = 0;
    this.waits.finish(this.wait);
    this.wait = undefined;
  }

  /** When the next one is due; `Infinity` while an answer is. */
  dueAt(): number {
    return this.wait === undefined ? this.lastPacketAt + this.options.interval : Number.POSITIVE_INFINITY;
  }

  send(): void {
    const { connection, waits, options } = this;
    connection.sendProbe();
    const wait = waits.start(
      'keepAlive',
      `a sign of life (probe ${this.missed + 1})`,
      connection.now,
      options.interval,
      () => {
        waits.finish(wait);
        this.wait = undefined;
        this.missed++;
        if (this.missed >= options.maxMissed) connection.peerIsGone(wait);
        else this.send();
      },
    );
    this.wait = wait;
  }
}
