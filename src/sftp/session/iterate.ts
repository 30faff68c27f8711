/**
 * Iterations with bounds.
 *
 * Owns: that an iteration of a user ends with its timeout, its signal or its consumer, and
 * leaves nothing open; what it throws.
 * Must not know: what is iterated over.
 */
import { SshError } from '../../base/errors.ts';
import type { CallSite } from '../../endpoint/calls/callSite.ts';
import type { CallOptions } from '../seam/channel.ts';
import { Errand } from './errand.ts';
import type { SftpSession } from './session.ts';

/** One iteration of the public API. */
export interface Iteration {
  /** Where it was begun. */
  readonly site: CallSite;
  /** For its wait. */
  readonly detail: string;
  readonly bounds: CallOptions;
}

/** What `begin` gives, within the bounds of the call. */
export async function* iterate<T>(
  session: SftpSession,
  { site, detail, bounds }: Iteration,
  begin: (errand: Errand | undefined) => AsyncGenerator<T, undefined>,
): AsyncGenerator<T, undefined> {
  try {
    if (bounds.signal === undefined && bounds.timeout === undefined) yield* begin(undefined);
    else yield* bounded(session, detail, bounds, begin);
  } catch (error) {
    throw session.rejection(site, error);
  }
}

async function* bounded<T>(
  session: SftpSession,
  detail: string,
  options: CallOptions,
  begin: (errand: Errand | undefined) => AsyncGenerator<T, undefined>,
): AsyncGenerator<T, undefined> {
  const bounds = session.channel.bounds(detail, options);
  const errand = new Errand(session.link);
  const items = begin(errand);
  try {
    for (;;) {
      const { done, value } = await bounds.until(items.next());
      if (done === true) return;
      yield value;
    }
  } catch (error) {
    if (error instanceof SshError) errand.cancel(error);
    throw error;
  } finally {
    bounds.end();
    // A step that still waits has been given up, or has its own deadline.
    items.return(undefined).catch(() => {});
  }
}
