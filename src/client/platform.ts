/**
 * What a runtime provides for a client, apart from what both roles need.
 *
 * Owns: the seam between the client and the platform under it.
 * Must not know: any platform. `node/` fulfils it.
 */
import type { WaitTable } from '../base/waits.ts';
import type { AgentFactory } from '../endpoint/httpAgent.ts';
import type { CryptoChoice, EndpointPlatform } from '../endpoint/platform.ts';
import type { LocalNetwork } from '../forwarding/local.ts';
import type { RaceWaits } from '../io/connecting/raceLink.ts';
import type { LinkOpener } from '../io/link.ts';
import type { KeyArithmetic } from '../keys/arithmetic.ts';
import type { FilePlatform } from '../sftp/seam/platform.ts';
import type { AsciiName } from './dial/hostName.ts';
import type { HostKeyVerifier } from './hostKeys/hostKeys.ts';

/** A program that leads to a server. */
export interface CommandStart {
  /** A line for the shell, or a program and its arguments. */
  readonly command: string | readonly string[];
  /** Told each line of its stderr, escaped. */
  readonly note: (line: string) => void;
  readonly waits: WaitTable;
  /** Milliseconds that it may take to end by itself once the link has ended. */
  readonly closeTimeout: number;
}

export interface Platform extends EndpointPlatform {
  /** What SFTP needs: streams over files of a server, and the files of this machine. Loaded when it is first asked for. */
  files(): Promise<FilePlatform>;
  /** For key files; undefined for the one in TypeScript. */
  keyArithmetic(kind: CryptoChoice): KeyArithmetic | undefined;
  tcp(target: {
    readonly host: string;
    readonly port: number;
    readonly localAddress: string | undefined;
    /** Where the runtime can set it. */
    readonly typeOfService: number | undefined;
    readonly family: 4 | 6 | undefined;
    /** Where look-ups and attempts are to be seen. */
    readonly waits: RaceWaits;
  }): LinkOpener;
  /** Starts a program and runs over its stdin and stdout; all its processes end with the link. */
  command(start: CommandStart): LinkOpener;
  /** A local socket, or a named pipe of Windows. */
  local(path: string): LinkOpener;
  /** For requests of HTTP through a server. */
  readonly httpAgent: AgentFactory;
  /** For forwarding: listening and connecting on this machine. */
  readonly network: LocalNetwork;
  /** The display of the user, and the file with the cookies of displays; undefined where there are none. */
  display(): string | undefined;
  displayCookies(): Promise<Uint8Array | undefined>;
  /** Where the user's authentication agent listens, if there is one. */
  agentPath(): string | undefined;
  /** A number from 0 to 1, for what is to happen at different times on different machines. */
  chance(): number;
  /** The verifier in force when none is given. */
  defaultHostKeyVerifier(): HostKeyVerifier;
  /** For names of hosts that are not ASCII. */
  readonly asciiName: AsciiName;
  /** Name of the local user, where there is one. */
  localUser(): string | undefined;
}
