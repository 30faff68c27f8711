/**
 * A listing as its packet.
 *
 * Owns: entries that are made when they are taken. Some listings are asked ahead, and entries
 * that wait take ten times the memory of their packet.
 * Must not know: who asked.
 */
import { decodeResponse } from '../packet/frame.ts';
import type { Name } from '../packet/responses.ts';

/** @param packet a NAME from its type on, which has been decoded once, and which nobody else holds */
export function packedListing(packet: Uint8Array): Name {
  return {
    kind: 'name',
    get names() {
      const { body } = decodeResponse(packet);
      return body.kind === 'name' ? body.names : [];
    },
  };
}
