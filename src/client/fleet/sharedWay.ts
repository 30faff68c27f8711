/**
 * The way to many targets through the same hops.
 *
 * Owns: that the hops are dialled once, by the first who needs them, and again when
 * they are lost; their end.
 * Must not know: how hops are dialled, who runs through them.
 */
import { untilAborted } from '../../endpoint/calls/abort.ts';
import type { Client } from '../client.ts';
import type { Through } from '../dial/hops.ts';

export class SharedWay {
  private readonly dial: (signal: AbortSignal) => Promise<Through | undefined>;
  private readonly stop = new AbortController();
  /** Undefined before the first, and once it was lost. */
  private way: Promise<Through | undefined> | undefined;
  private readonly owned = new Set<Client>();

  constructor(dial: (signal: AbortSignal) => Promise<Through | undefined>) {
    this.dial = dial;
  }

  /** What a connection runs through; it stays the way's own. */
  async reached(signal: AbortSignal | undefined): Promise<Through | undefined> {
    this.way ??= this.dialled();
    const through = await untilAborted(signal, this.way, {});
    return through && { client: through.client, isOwned: false };
  }

  /** Resolves when nothing is left of it. */
  async close(): Promise<void> {
    this.stop.abort();
    await this.way?.catch(() => {});
    await Promise.all(
      [...this.owned].map(async (client) => {
        client.close().catch(() => {});
        await client.closed;
      }),
    );
  }

  private dialled(): Promise<Through | undefined> {
    const way = this.dial(this.stop.signal);
    const forget = (): void => {
      if (this.way === way) this.way = undefined;
    };
    way.then((through) => {
      if (through?.isOwned !== true) return;
      const { client } = through;
      this.owned.add(client);
      void client.closed.then(() => {
        this.owned.delete(client);
        forget();
      });
    }, forget);
    return way;
  }
}
