/**
 * `npm run bench [-- --quick] [part …]`: runs the parts one after the other, prints
 * tables and writes bench/results/<part>.json. A part that fails says so in one
 * line; the others still run.
 */
import { codecsPart } from './codecs.ts';
import { forwardPart } from './forward/part.ts';
import { ledgerPart } from './ledger/part.ts';
import { installNodes } from './lib/nodes.ts';
import { keepResultsApart } from './lib/report.ts';
import { silentDialsPart } from './memory/part.ts';
import { crossingsPart } from './packet/crossings.ts';
import { packetPart } from './packet/part.ts';
import { coldPart } from './session/cold.ts';
import { fleetPart } from './session/fleet.ts';
import { handshakesPart } from './session/handshakes.ts';
import { loadPart } from './session/load.ts';
import { memoryPart } from './session/memory.ts';
import { sessionsPart } from './session/sessions.ts';
import { transfersPart } from './session/transfers.ts';
import { sftpPart } from './sftp/part.ts';

const parts: Readonly<Record<string, (quick: boolean, words: readonly string[]) => Promise<void>>> = {
  receive: (quick, words) => packetPart('receive', quick, words),
  send: (quick, words) => packetPart('send', quick, words),
  parts: (quick, words) => packetPart('parts', quick, words),
  codecs: async (quick) => codecsPart(quick),
  sessions: (quick, words) => sessionsPart(quick, words),
  handshakes: (quick) => handshakesPart(quick),
  memory: (quick) => memoryPart(quick),
  load: (quick) => loadPart(quick),
  cold: (quick) => coldPart(quick),
  fleet: (quick) => fleetPart(quick),
  transfers: (quick, words) => transfersPart(quick, words),
  forward: (quick, words) => forwardPart(quick, words),
  sftp: (quick, words) => sftpPart(quick, words),
};

/** Parts that run only when they are named. */
const onRequest: typeof parts = {
  crossings: async (quick, words) => crossingsPart(quick, words),
  nodes: installNodes,
  ledger: (quick) => ledgerPart(quick),
  silentDials: (quick) => silentDialsPart(quick),
};

const words = process.argv.slice(2).filter((word) => word !== '--quick');
const quick = process.argv.includes('--quick');
const all = { ...parts, ...onRequest };
const chosen = words.filter((word) => word in all);
const filters = words.filter((word) => !(word in all));
if (quick) keepResultsApart('quick');
else if (filters.length > 0) keepResultsApart('partial');
for (const name of chosen.length > 0 ? chosen : Object.keys(parts)) {
  try {
    await all[name]?.(quick, filters);
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
