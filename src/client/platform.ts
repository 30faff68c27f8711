/**
 * What a runtime provides.
 *
 * Owns: the seam between the client and the platform under it.
 * Must not know: any platform. `node/` fulfils it.
 */
import type { CryptoProvider } from '../crypto/provider.ts';
import type { LocalNetwork } from '../forwarding/local.ts';
import type { Clock } from '../io/clock.ts';
import type { LinkOpener } from '../io/link.ts';
import type { RaceWaits } from '../io/raceLink.ts';
import type { KeyArithmetic } from '../keys/arithmetic.ts';
import type { FilePlatform } from '../sftp/seam/platform.ts';
import type { HostKeyVerifier } from './hostKeys.ts';
import type { AsciiName } from './hostName.ts';
import type { Duplex, StreamFactory } from './streams.ts';

/**
 * Who computes: `auto` is OpenSSL where it is faster and TypeScript elsewhere,
 * `openssl` is OpenSSL for every packet, `noble` is TypeScript for everything.
 */
export type CryptoChoice = 'auto' | 'noble' | 'openssl';

export interface Platform {
  readonly clock: Clock;
  readonly streams: StreamFactory;
  /** What SFTP needs: streams over files of a server, and the files of this machine. Loaded when it is first asked for. */
  files(): Promise<FilePlatform>;
  /** Loads only what the kind asked for needs. */
  cryptoProvider(kind: CryptoChoice): Promise<CryptoProvider>;
  /** For key files; undefined for the one in TypeScript. */
  keyArithmetic(kind: CryptoChoice): KeyArithmetic | undefined;
  tcp(target: {
    readonly host: string;
    readonly port: number;
    readonly localAddress: string | undefined;
    readonly family: 4 | 6 | undefined;
    /** Where look-ups and attempts are to be seen. */
    readonly waits: RaceWaits;
  }): LinkOpener;
  stream(stream: Duplex): LinkOpener;
  /** A local socket, or a named pipe of Windows. */
  local(path: string): LinkOpener;
  /** For forwarding: listening and connecting on this machine. */
  readonly network: LocalNetwork;
  /** Where the user's authentication agent listens, if there is one. */
  agentPath(): string | undefined;
  /** The verifier in force when none is given. */
  defaultHostKeyVerifier(): HostKeyVerifier;
  /** For names of hosts that are not ASCII. */
  readonly asciiName: AsciiName;
  /** Name of the local user, where there is one. */
  localUser(): string | undefined;
  /** Resolves after other work of the event loop had its turn. */
  pause(): Promise<void>;
}
