/**
 * What SFTP needs of the platform and of the connection apart from its channel.
 *
 * Owns: the list of these seams.
 * Must not know: any platform.
 */
import type { Clock } from '../../io/clock.ts';
import type { LocalFiles } from './localFiles.ts';
import type { FileStreams } from './streams.ts';

/** What a command on the server came to. */
export interface CommandOutcome {
  readonly code: number | undefined;
  readonly stdout: string;
}

/** What a platform has for files. */
export interface FilePlatform {
  readonly streams: FileStreams;
  /** Undefined where there are none: transfers are refused then. */
  readonly files: LocalFiles | undefined;
}

export interface SftpPlatform extends FilePlatform {
  readonly clock: Clock;
  /** Runs a command on the server; undefined where SFTP runs by itself. */
  readonly run: ((command: string, signal: AbortSignal | undefined) => Promise<CommandOutcome>) | undefined;
}
