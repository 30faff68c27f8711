/**
 * What is left between two rounds of sessions: handles, descriptors, objects, memory.
 *
 * Owns: how each is counted, and what counts as growth.
 * Must not know: what is done in a round.
 */
import { readdirSync } from 'node:fs';
import { queryObjects } from 'node:v8';
import { memoryInUse } from '../support/heap.ts';

/**
 * Objects that may be there more at the end than in the middle, once, and for each
 * session between: the engine and Node keep some of their own. What they would miss
 * is one object a session. A connection that is kept holds dozens.
 */
const objectsAtAll = 200;
const objectsOfSession = 1;
/**
 * Bytes, likewise. What they would miss: 16 KiB a session. It is for what is no
 * object: texts and the memory behind arrays. Code that the engine compiles counts.
 */
const bytesAtAll = 1024 * 1024;
const bytesOfSession = 16 * 1024;

/** What this process has open: handles of the event loop, and descriptors. */
export function openThings(): readonly string[] {
  return [
    ...process.getActiveResourcesInfo().filter((name) => !/Timeout|Immediate|FSReq/.test(name)),
    ...readdirSync('/proc/self/fd').map(() => 'descriptor'),
  ].sort();
}

/** How many objects there are when all garbage is gone, arrays apart: what runs the tests makes many of those. */
function objectsInUse(): number {
  return queryObjects(Object, { format: 'count' }) - queryObjects(Array, { format: 'count' });
}

interface Look {
  readonly sessions: number;
  readonly objects: number;
  readonly bytes: number;
}

/** What is in use after each round. */
export class Usage {
  readonly looks: Look[] = [];

  look(sessions: number): void {
    this.looks.push({ sessions, objects: objectsInUse(), bytes: memoryInUse() });
  }

  /**
   * Sentences about what has grown from the middle on. Until then the engine compiles
   * most of what runs, and modules are loaded that are needed late.
   */
  findings(): readonly string[] {
    const from = this.looks[this.looks.length >> 1];
    const to = this.looks.at(-1);
    if (from === undefined || to === undefined || from === to) return ['there are too few looks to compare'];
    const sessions = to.sessions - from.sessions;
    const found: string[] = [];
    const check = (what: 'objects' | 'bytes', atAll: number, each: number): void => {
      const growth = to[what] - from[what];
      if (growth > atAll + each * sessions) {
        found.push(`${growth} ${what} more than ${sessions} sessions before: ${this.summary()}`);
      }
    };
    check('objects', objectsAtAll, objectsOfSession);
    check('bytes', bytesAtAll, bytesOfSession);
    return found;
  }

  summary(): string {
    const MiB = this.looks.map(({ bytes }) => (bytes / 2 ** 20).toFixed(1)).join(' ');
    return `objects in use: ${this.looks.map(({ objects }) => objects).join(' ')}; MiB in use: ${MiB}`;
  }
}
