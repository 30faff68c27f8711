/**
 * What a server can ask of a client.
 *
 * Owns: a probe for each message that makes a client compute or hold something.
 * Must not know: what is measured.
 */
import type { ClientProbe } from './probe.ts';

export const clientProbes: readonly ClientProbe[] = [];
