/**
 * What a runtime provides for reading a configuration and using it.
 *
 * Owns: the seam.
 * Must not know: any platform. `node/config/` fulfils it.
 */
import type { HostKeyPolicy } from '../client/hostKeys/hostKeys.ts';
import type { Clock } from '../io/clock.ts';
import type { Answers, Facts } from './reading/facts.ts';
import type { Source } from './reading/reader.ts';

/** A file of a key. */
export type KeyFileAnswer =
  | {
      readonly bytes: Uint8Array;
      /** What others may do with it, as a mode in octal; undefined where nothing. */
      readonly othersMode?: string | undefined;
    }
  | { readonly missing: true }
  | { readonly fault: string };

/** Files of known hosts, and what is done with keys that are not in them. */
export interface KnownHostsChoice {
  readonly files: readonly string[];
  readonly unknown: 'refuse' | 'add';
  readonly update: boolean;
  readonly hash: boolean;
  /** A program that tells more of them. */
  readonly command?: readonly string[] | undefined;
  readonly certificateSignatures?: readonly string[] | undefined;
  readonly checkAddress: boolean;
}

export interface ConfigPlatform {
  readonly clock: Clock;
  /** What is at hand about the user and the machine. */
  facts(): Facts;
  /** Names of the variables of the environment. */
  variableNames(): readonly string[];
  /** The user's file and that of the system. */
  defaultSources(): readonly Source[];
  /** A file of at most so many bytes, which has to be a regular one. */
  readFile(
    path: string,
    rules: { readonly isGuarded: boolean; readonly maximum: number },
  ): Promise<Answers['file']>;
  glob(pattern: string): Promise<Answers['glob']>;
  /** Runs a command of the user's own configuration in the user's shell. */
  run(command: string, signal: AbortSignal): Promise<Answers['exec']>;
  lookup(name: string, family: 4 | 6 | undefined): Promise<Answers['lookup']>;
  readKey(path: string): Promise<KeyFileAnswer>;
  /** Where the user's authentication agent listens, if there is one. */
  agentPath(): string | undefined;
  knownHosts(choice: KnownHostsChoice): HostKeyPolicy;
  /** The policy for keys that none of the files revokes. */
  withoutRevoked(policy: HostKeyPolicy, files: readonly string[]): HostKeyPolicy;
  /** Whether the runtime can mark packets, for IPQoS. */
  readonly marksPackets: boolean;
  /** An address of an interface, for BindInterface. */
  interfaceAddress(name: string, family: 4 | 6 | undefined): string | undefined;
}
