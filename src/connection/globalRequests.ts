/**
 * Global requests of ours and the order of their answers.
 *
 * Owns: RFC 4254 §4: REQUEST_SUCCESS and REQUEST_FAILURE name no request, so
 * they answer those that want a reply in the order in which these were sent.
 * Must not know: what a request means.
 */
import type { Wait } from '../base/waits.ts';

/** A global request of ours that wants a reply. */
export interface GlobalRequest {
  readonly name: string;
  wait: Wait | undefined;
  /** Nobody waits for the answer any more; it still takes its place in the order of answers. */
  abandoned: boolean;
}

/** A request whose answer may be awaited no longer, or still. */
export class GlobalRequestQueue {
  private readonly requests: GlobalRequest[] = [];

  add(name: string): GlobalRequest {
    const request: GlobalRequest = { name, wait: undefined, abandoned: false };
    this.requests.push(request);
    return request;
  }

  /** The request that an answer belongs to; undefined where none is due. */
  answered(): GlobalRequest | undefined {
    return this.requests.shift();
  }

  get length(): number {
    return this.requests.length;
  }
}
