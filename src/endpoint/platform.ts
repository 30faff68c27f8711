/**
 * What a runtime provides for either role.
 *
 * Owns: the seam between an endpoint and the platform under it.
 * Must not know: any platform; what only a client needs. `node/` fulfils it.
 */
import type { CryptoProvider } from '../crypto/provider/provider.ts';
import type { Clock } from '../io/clock.ts';
import type { LinkOpener } from '../io/link.ts';
import type { Duplex, StreamFactory } from './streams.ts';

/**
 * Who computes: `auto` is OpenSSL where it is faster and TypeScript elsewhere,
 * `openssl` is OpenSSL for every packet, `noble` is TypeScript for everything.
 */
export type CryptoChoice = 'auto' | 'noble' | 'openssl';

export interface EndpointPlatform {
  readonly clock: Clock;
  readonly streams: StreamFactory;
  /** Loads only what the kind asked for needs. */
  cryptoProvider(kind: CryptoChoice): Promise<CryptoProvider>;
  /** A connection over a stream of the caller. */
  stream(stream: Duplex): LinkOpener;
  /** Resolves after other work of the event loop had its turn. */
  pause(): Promise<void>;
}
