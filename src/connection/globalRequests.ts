/**
 * Global requests of ours and the order of their answers.
 *
 * Owns: RFC 4254 §4: REQUEST_SUCCESS and REQUEST_FAILURE name no request, so
 * they answer those that want a reply in the order in which these were sent.
 * A peer that knows no global requests answers with UNIMPLEMENTED, which names
 * the packet (RFC 4253 §11.4); TinySSH does.
 * Must not know: what a request means.
 */
import type { Wait } from '../base/waits.ts';

/** A global request of ours that wants a reply. */
export interface GlobalRequest {
  readonly name: string;
  /** Of its packet; undefined where it waited for a key exchange. */
  readonly sequenceNumber: number | undefined;
  wait: Wait | undefined;
  /** Nobody waits for the answer any more; it still takes its place in the order of answers. */
  abandoned: boolean;
}

/** A request whose answer may be awaited no longer, or still. */
export class GlobalRequestQueue {
  /** Undefined for none: an array would keep the room for those it once had. */
  private requests: GlobalRequest[] | undefined;

  add(name: string, sequenceNumber: number | undefined): GlobalRequest {
    const request: GlobalRequest = { name, sequenceNumber, wait: undefined, abandoned: false };
    if (this.requests === undefined) this.requests = [request];
    else this.requests.push(request);
    return request;
  }

  /** The request that an answer belongs to; undefined where none is due. */
  answered(): GlobalRequest | undefined {
    return this.takeAt(0);
  }

  /** The request in the packet with that number, which the peer did not understand; undefined where it was none. */
  notUnderstood(sequenceNumber: number): GlobalRequest | undefined {
    const { requests = [] } = this;
    return this.takeAt(requests.findIndex((request) => request.sequenceNumber === sequenceNumber));
  }

  get length(): number {
    return this.requests?.length ?? 0;
  }

  private takeAt(index: number): GlobalRequest | undefined {
    const { requests } = this;
    if (requests === undefined || index < 0) return undefined;
    const [request] = requests.splice(index, 1);
    if (requests.length === 0) this.requests = undefined;
    return request;
  }
}
