/**
 * Memory of bytes that are used up, given back at once.
 *
 * Owns: how that is done on each version of Node, and how much is given back in one call.
 * Must not know: what the bytes were.
 */
import { isSole, unmarkSole } from '../base/soleMemory.ts';

/** Node 22 and later: moving memory to a length of 0 frees it. */
interface Transferable extends ArrayBuffer {
  transfer?(length: number): ArrayBuffer;
}

/** Blocks that wait to be given back together: a call for each would cost more than it saves. */
const together = 16;

let waiting: ArrayBuffer[] = [];
type Port = InstanceType<typeof MessageChannel>['port1'];
let nowhere: Port | undefined;

/** Takes pieces that nobody reads any more. Only memory that is theirs alone is given back. */
export function giveBack(pieces: readonly Uint8Array[]): void {
  for (const piece of pieces) {
    if (!isSole(piece)) continue;
    unmarkSole(piece);
    waiting.push(piece.buffer as ArrayBuffer);
  }
  if (waiting.length < together) return;
  const spent = waiting;
  waiting = [];
  free(spent);
}

function free(spent: readonly Transferable[]): void {
  if (spent[0]?.transfer !== undefined) {
    for (const memory of spent) memory.transfer?.(0);
    return;
  }
  nowhere ??= closedPort();
  // What is sent to nobody is gone at once, and so is the memory that it takes along.
  nowhere.postMessage(undefined, spent as ArrayBuffer[]);
}

function closedPort(): Port {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.close();
  return port1;
}
