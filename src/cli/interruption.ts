/**
 * Signals that end this program.
 *
 * Owns: which they are, the exit status they mean, and that a second one ends
 * it at once.
 * Must not know: what has to be given back before the end.
 */
import { SshError } from '../base/errors.ts';
import { failureStatus, signalStatus } from './exitStatus.ts';

/** Of SIGUSR1 Node would make a debugger that listens: rsync ends its shell by it. */
const watched = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

export type WatchedSignal = (typeof watched)[number];

export class Interruption {
  private readonly controller = new AbortController();
  private readonly instead = new Map<WatchedSignal, () => void>();
  private received: WatchedSignal | undefined;

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The signal that came. */
  get cause(): WatchedSignal | undefined {
    return this.received;
  }

  /** 128 and the signal's number once one came. */
  get status(): number | undefined {
    return this.received === undefined ? undefined : (signalStatus(this.received) ?? failureStatus);
  }

  /** Takes the signals from now on; the returned function stops that. */
  watch(): () => void {
    const handle = (name: NodeJS.Signals): void => {
      const signal = name as WatchedSignal;
      const step = this.instead.get(signal);
      if (step === undefined) this.interrupt(signal);
      else step();
    };
    for (const signal of watched) process.on(signal, handle);
    return () => {
      for (const signal of watched) process.off(signal, handle);
    };
  }

  /** A step in place of the end that a signal means, while the returned function has not been called. */
  insteadOf(signal: WatchedSignal, step: () => void): () => void {
    this.instead.set(signal, step);
    return () => void this.instead.delete(signal);
  }

  /** As if the signal had come, for Ctrl-C at a prompt, where the terminal sends none. */
  interrupt(signal: WatchedSignal): void {
    if (this.received !== undefined) process.exit(this.status);
    this.received = signal;
    this.controller.abort(
      new SshError('ERR_SSH_ABORTED', `ended by ${signal}`, { phase: 'close', origin: 'user' }),
    );
  }
}
