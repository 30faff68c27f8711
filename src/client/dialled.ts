/**
 * What a client knows of the dial that made its connection.
 *
 * Owns: this interface. Nothing in it holds a credential.
 * Must not know: how the dial went.
 */
import type { Limits } from '../base/limits.ts';
import type { Timeouts } from '../base/timeouts.ts';
import type { Platform } from './platform.ts';

export interface Dialled {
  readonly platform: Platform;
  readonly options: {
    readonly host: string;
    readonly port: number;
    readonly limits: Limits;
    readonly timeouts: Timeouts;
    /** Session channels at once, for calls that say nothing of it. */
    readonly maxChannels: number | undefined;
  };
}
