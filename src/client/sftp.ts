/**
 * The beginning of SFTP on a connection.
 *
 * Owns: how a server is asked for it, the options of that, what SFTP is given to run on.
 * Must not know: SFTP.
 */
import { subsystem } from '../message/channelRequest.ts';
import type { SftpPlatform } from '../sftp/seam/platform.ts';
import { abortSignal, checkOptions, milliseconds, type OptionTable } from '../sftp/session/optionChecks.ts';
import type { Sftp } from '../sftp/sftp.ts';
import type { ChannelPort } from './channelPort.ts';
import type { ResolvedOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { execPayload } from './requestPayloads.ts';
import type { Session } from './session.ts';
import { PortSftpChannel } from './sftpChannel.ts';

export interface SftpOptions {
  /** Milliseconds until SFTP is ready, besides the connection's own timeouts for the parts of that. */
  readonly timeout?: number | undefined;
  /** Aborts the call; SFTP that is ready is ended by `close`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * A command that speaks SFTP on its stdin and stdout, in place of the subsystem
   * `sftp`: `sudo /usr/lib/openssh/sftp-server`
   */
  readonly command?: string | undefined;
}

/** What is known of the connection when it is dialled. */
export interface Dialled {
  readonly platform: Platform;
  readonly options: Pick<ResolvedOptions, 'limits' | 'timeouts' | 'host' | 'port'>;
}

const table: OptionTable<SftpOptions> = {
  timeout: milliseconds,
  signal: abortSignal,
  command: {
    takes: 'a command, as a string that is not empty',
    accepts: (value) => typeof value === 'string' && value !== '',
  },
};

/** What the channel is asked for. @throws SshError `ERR_SSH_OPTIONS` */
export function sftpCommand(given: SftpOptions): {
  readonly kind: 'exec' | 'subsystem';
  readonly payload: Uint8Array;
  readonly bounds: Omit<SftpOptions, 'command'>;
} {
  checkOptions(given, { of: 'sftp', table });
  const { command, ...bounds } = given;
  if (command !== undefined) return { kind: 'exec', payload: execPayload(command), bounds };
  return { kind: 'subsystem', payload: subsystem.toBytes({ subsystemName: 'sftp' }), bounds };
}

/** Agrees on SFTP over a channel on which a server has started it. The code for that is loaded now. */
export async function beginSftp(
  session: Session,
  port: ChannelPort,
  { platform, options }: Dialled,
  run: SftpPlatform['run'],
): Promise<Sftp> {
  const { host, limits, timeouts } = options;
  const channel = new PortSftpChannel({
    session,
    port,
    host: options.port === 22 ? host : `${host}:${options.port}`,
    now: () => platform.clock.now(),
    timeouts,
  });
  const { Sftp } = await import('../sftp/sftp.ts');
  const { clock, fileStreams, localFiles } = platform;
  return Sftp.open(channel, limits, { clock, streams: fileStreams, files: localFiles, run });
}
