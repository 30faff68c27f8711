/**
 * Dials many machines that accept and never speak, and reports what that took
 * and what is left in the process.
 */
import { dialSilent } from '../../../bench/memory/silentDials.ts';
import { listenSilently } from '../../../bench/memory/silentPeer.ts';
import { IdleTimer } from '../../support/idleTimer.ts';
import { readInput, writeReport } from './exchange.ts';

interface Input {
  readonly count: number;
  readonly identification: number;
}

const { count, identification } = readInput<Input>();
const peer = await listenSilently(4);
const begun = performance.now();
using idle = new IdleTimer();
const figures = await dialSilent(
  { ports: peer.ports, count, identification },
  () => peer.connections() === 0,
);
await peer.close();
/** What the last of the dials may have waited. */
const allowed = idle.allowed(identification, begun);
writeReport({ ...figures, allowed, held: peer.connections() });
