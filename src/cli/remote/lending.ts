/**
 * A connection of this program that other programs use as well (ControlMaster).
 *
 * Owns: the control socket that it listens at, the count of what others run over the
 * connection, how long this program stays for them.
 * Must not know: this program's own session, what is printed.
 */
import { optionsError } from '../../base/optionChecks.ts';
import type { Client } from '../../client/client.ts';
import { messageOf } from '../errorWords.ts';
import { listenForControl, type StartedSession } from './control.ts';
import type { ControlRequest, SessionRequest } from './controlMessages.ts';
import type { Forwards } from './forwards.ts';
import { startOn } from './sessionHost.ts';

/** Milliseconds that a timer of Node has room for: about 25 days. */
const longestTimer = 2 ** 31 - 1;

export class Lending {
  readonly forwards: Forwards;
  /** Another program has told this one to end. */
  isToldToEnd = false;
  /** It listens at its control socket, or did until it was told to stop. */
  isListening = false;
  private readonly client: Client;
  private readonly signal: AbortSignal;
  /** Sessions of others that run over the connection. */
  private lent = 0;
  /** It was told to listen no longer. */
  private isStopped = false;
  private endListening = (): void => {};
  /** When a session of another, or a forwarded connection, was over last. */
  private lastUse: number = performance.now();
  /** Told when a session of another, or a forwarded connection, is over. */
  private hearQuiet = (): void => {};

  /** @param forwardsWith makes the forwards, which tell when one of their connections is over */
  constructor(client: Client, signal: AbortSignal, forwardsWith: (onConnectionEnd: () => void) => Forwards) {
    this.client = client;
    this.signal = signal;
    this.forwards = forwardsWith(() => this.useOver());
  }

  /**
   * Listens for other programs.
   *
   * @param lends others may run sessions; else they may only ask and change forwards
   */
  async listen(controlPath: string, lends: boolean): Promise<void> {
    this.endListening = await listenForControl(controlPath, {
      exit: () => {
        this.isToldToEnd = true;
        void this.client.close();
      },
      stopped: () => {
        this.isStopped = true;
        this.hearQuiet();
      },
      change: (request) => this.changeForwards(request),
      start: async (request) => {
        if (!lends) throw optionsError('ControlMaster asks about each session, which this program does not');
        return await this.lend(request);
      },
    });
    this.isListening = true;
  }

  stopListening(): void {
    this.endListening();
  }

  /** Until the connection ends, or this program is told to; after `stop`, until nothing runs over it any more. */
  stay(): Promise<void> {
    return this.whileConnected(async () => {
      const isOver = (): boolean => this.isStopped && !this.isUsed;
      await this.untilQuiet(isOver);
      if (!isOver() || !this.client.isLive) throw await this.client.closed;
    });
  }

  /** For some time in which nothing is forwarded, and as long as something is. */
  persist(seconds: number): Promise<void> {
    return this.whileConnected(async () => {
      this.lastUse = performance.now();
      const left = (): number => this.lastUse + seconds * 1_000 - performance.now();
      while (this.client.isLive && !this.isStopped && (this.isUsed || left() > 0)) {
        await this.pause(this.isUsed ? seconds * 1_000 : left());
      }
      // What runs over it is waited for, also where it listens no longer.
      this.stopListening();
      if (this.isUsed) await this.untilQuiet(() => !this.isUsed);
    });
  }

  /** Listens no longer, and waits for what others run over the connection, as ssh does. */
  async untilReturned(): Promise<void> {
    this.stopListening();
    if (this.lent > 0) await this.whileConnected(() => this.untilQuiet(() => this.lent === 0));
  }

  /** A session of another, or a connection of a forward, is there. */
  private get isUsed(): boolean {
    return this.forwards.open + this.lent > 0;
  }

  private useOver(): void {
    this.lastUse = performance.now();
    this.hearQuiet();
  }

  /** A session of another program, over this one's connection. */
  private async lend(request: SessionRequest): Promise<StartedSession> {
    const { forwards } = this;
    const faults: string[] = [];
    for (const spec of request.forwards) {
      if (forwards.has(spec)) continue;
      await forwards.add(spec).catch((error: unknown) => faults.push(messageOf(error as Error)));
    }
    const process = await startOn(this.client, request.purpose, request.options);
    this.lent++;
    const over = (): void => {
      this.lent--;
      this.useOver();
    };
    return { process, faults, over };
  }

  /** @returns the port of a forward whose port was to be chosen */
  private async changeForwards({
    command,
    spec,
  }: Extract<ControlRequest, { command: 'forward' | 'cancel' }>): Promise<number | undefined> {
    const { forwards } = this;
    if (command === 'forward') {
      const { address } = await forwards.add(spec);
      return spec.from.port === 0 ? address.port : undefined;
    }
    if (!(await forwards.cancel([spec.kind], spec.from))) throw optionsError('there is no such forward');
    return undefined;
  }

  /** Until nothing is left that was waited for, or the connection has ended. */
  private async untilQuiet(isQuiet: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      this.hearQuiet = () => {
        if (isQuiet()) resolve();
      };
      void this.client.closed.then(() => resolve());
      this.hearQuiet();
    });
    this.hearQuiet = () => {};
  }

  /** Until some time has passed, the connection has ended, or this program was told to listen no longer. */
  private async pause(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      if (milliseconds <= longestTimer) timer = setTimeout(resolve, milliseconds);
      this.hearQuiet = () => {
        if (this.isStopped) resolve();
      };
      void this.client.closed.then(() => resolve());
    });
    clearTimeout(timer);
    this.hearQuiet = () => {};
  }

  private whileConnected(work: () => Promise<void>): Promise<void> {
    return whileConnected(this.client, this.signal, work);
  }
}

/** Work that an interruption ends by closing the connection. */
export async function whileConnected(
  client: Client,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  const end = (): void => void client.close();
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  try {
    await work();
  } finally {
    signal.removeEventListener('abort', end);
  }
}
