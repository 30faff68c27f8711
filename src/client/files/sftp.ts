/**
 * SFTP on a client's connection.
 *
 * Owns: how a server is asked for it, the options of that, what SFTP is given to run
 * on, the bounds of a transfer with a session of its own.
 * Must not know: SFTP.
 */
import { spelled } from '../../base/addressed.ts';
import { SshError } from '../../base/errors.ts';
import {
  abortSignal,
  checkOptions,
  milliseconds,
  type OptionTable,
  oneOf,
  wholeNumber,
} from '../../base/optionChecks.ts';
import type { ChannelPort } from '../../endpoint/channels/channelPort.ts';
import { lateCode } from '../../endpoint/lateCode.ts';
import { subsystem } from '../../message/channelRequest.ts';
import type { SftpPlatform } from '../../sftp/seam/platform.ts';
import type { ServerOptions } from '../../sftp/session/capabilities.ts';
import type { Sftp } from '../../sftp/sftp.ts';
import type { TransferOptions } from '../../sftp/transfer/options.ts';
import type { Commands } from '../command/commands.ts';
import { execPayload } from '../command/requestPayloads.ts';
import type { Dialled } from '../dialled.ts';
import type { Session } from '../session.ts';
import { PortSftpChannel } from './sftpChannel.ts';

/** What `client.sftp` takes. */
export interface SftpOptions extends ServerOptions {
  /** Milliseconds until SFTP is ready, apart from the connection's own timeouts for the parts of that. */
  readonly timeout?: number | undefined;
  /** Aborts the call; SFTP that is ready is ended by `close`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * A command that speaks SFTP on its stdin and stdout, in place of the subsystem
   * `sftp`: `sudo /usr/lib/openssh/sftp-server`
   */
  readonly command?: string | undefined;
  /** The name of the server's subsystem for SFTP. Default: `sftp`. */
  readonly subsystem?: string | undefined;
}

const table: OptionTable<SftpOptions> = {
  timeout: milliseconds,
  signal: abortSignal,
  command: {
    takes: 'a command, as a string that is not empty',
    accepts: (value) => typeof value === 'string' && value !== '',
  },
  subsystem: {
    takes: 'the name of a subsystem, as a string that is not empty',
    accepts: (value) => typeof value === 'string' && value !== '',
  },
  openHandles: wholeNumber(1, Number.POSITIVE_INFINITY),
  blockLength: wholeNumber(1, Number.POSITIVE_INFINITY),
  symlinkOrder: oneOf('target', 'link'),
};

/** What SFTP on a connection is begun with. */
export interface SftpParts {
  readonly session: Session;
  readonly dialled: Dialled;
  readonly commands: Commands;
  /** For what SFTP has no request for, such as the hash of a file. */
  readonly run: SftpPlatform['run'];
}

/** Has the server start SFTP, and agrees on it. @throws SshError as `exec`, and `ERR_SSH_SFTP_PROTOCOL` */
export function openSftp(parts: SftpParts, options: SftpOptions): Promise<Sftp> {
  const { session, commands } = parts;
  const { kind, payload, bounds, server } = sftpCommand(options);
  return session.scoped('request', 'SFTP to begin', bounds, async (scope) => {
    const { port } = await commands.start(kind, payload, {}, scope).catch((error: unknown) => {
      throw refusedSftp(error, kind);
    });
    return scope.until(beginSftp(parts, port, server));
  });
}

/**
 * A transfer over an SFTP session of its own. One deadline covers all of it: the
 * beginning of SFTP, the transfer, the end of SFTP.
 */
export async function overSftp<T>(
  session: Session,
  begin: (signal: AbortSignal) => Promise<Sftp>,
  given: TransferOptions,
  step: (sftp: Sftp, options: TransferOptions) => Promise<T>,
): Promise<T> {
  const { checkTransfer } = await lateCode('SFTP', () => import('../../sftp/transfer/options.ts'));
  checkTransfer('a transfer', given);
  return session.scoped('request', 'a transfer over SFTP', given, async (scope) => {
    const abort = new AbortController();
    scope.onCancel(() => abort.abort());
    const options: TransferOptions = { ...given, timeout: undefined, signal: abort.signal };
    let sftp: Sftp | undefined;
    const transferring = (async () => {
      sftp = await begin(abort.signal);
      return step(sftp, options);
    })();
    try {
      const result = await scope.until(transferring);
      // What has arrived has arrived: the goodbye only has what is left of the time.
      await scope.until(sftp?.close() ?? Promise.resolve()).catch(() => {});
      return result;
    } catch (error) {
      // It hears of it by its signal, and has the `close` time to put away what it has open here.
      await transferring.catch(() => {});
      void sftp?.close();
      throw error;
    }
  });
}

/** What the channel is asked for. @throws SshError `ERR_SSH_OPTIONS` */
function sftpCommand(given: SftpOptions): {
  readonly kind: 'exec' | 'subsystem';
  readonly payload: Uint8Array;
  readonly bounds: Pick<SftpOptions, 'timeout' | 'signal'>;
  readonly server: ServerOptions;
} {
  checkOptions(given, { of: 'sftp', table });
  const { command, subsystem: subsystemName = 'sftp', timeout, signal, ...server } = given;
  const rest = { bounds: { timeout, signal }, server };
  if (command !== undefined) return { kind: 'exec', payload: execPayload(command), ...rest };
  return { kind: 'subsystem', payload: subsystem.toBytes({ subsystemName }), ...rest };
}

/**
 * What a refusal of the subsystem means for the user. Errors of another kind, and of
 * `command`, are as they were.
 */
function refusedSftp(error: unknown, kind: 'exec' | 'subsystem'): unknown {
  if (!(error instanceof SshError) || error.code !== 'ERR_SSH_REQUEST_FAILED' || kind === 'exec')
    return error;
  return new SshError(error.code, 'the server offers no SFTP: it refused the subsystem', {
    ...error,
    hint: 'sshd offers it with a line "Subsystem sftp internal-sftp" in sshd_config; { command } starts a program that serves it',
  });
}

/** Agrees on SFTP over a channel on which a server has started it. The code for that is loaded now. */
async function beginSftp(
  { session, dialled: { platform, options }, run }: SftpParts,
  port: ChannelPort,
  server: ServerOptions,
): Promise<Sftp> {
  const { limits, timeouts } = options;
  const channel = new PortSftpChannel({
    session,
    port,
    host: spelled({ host: options.host, port: options.port }),
    now: () => platform.clock.now(),
    pause: () => platform.pause(),
    timeouts,
  });
  const [{ Sftp }, files] = await lateCode('SFTP', () =>
    Promise.all([import('../../sftp/sftp.ts'), platform.files()]),
  );
  return Sftp.open(channel, limits, { ...files, clock: platform.clock, run }, server);
}
