/**
 * The clock of the process, as Node has it.
 *
 * Owns: that the one timer of all connections is in the asynchronous context of
 * none of them: an AsyncLocalStorage of the caller's would be kept alive by it.
 * Must not know: what is timed.
 */
import { AsyncResource } from 'node:async_hooks';
import { type Clock, createSystemClock } from '../io/clock.ts';

const nobody = new AsyncResource('deadline-ssh timer');

export const nodeClock: Clock = createSystemClock((step) => nobody.runInAsyncScope(step));
