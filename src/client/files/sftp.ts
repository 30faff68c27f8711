/**
 * The beginning of SFTP on a connection.
 *
 * Owns: how a server is asked for it, the options of that, what SFTP is given to run on.
 * Must not know: SFTP.
 */
import { spelled } from '../../base/addressed.ts';
import { SshError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import {
  abortSignal,
  checkOptions,
  milliseconds,
  type OptionTable,
  oneOf,
  wholeNumber,
} from '../../base/optionChecks.ts';
import type { Timeouts } from '../../base/timeouts.ts';
import { CallSite, type PublicFunction } from '../../endpoint/calls/callSite.ts';
import { publicCall } from '../../endpoint/calls/publicCall.ts';
import type { ChannelPort } from '../../endpoint/channels/channelPort.ts';
import { lateCode } from '../../endpoint/lateCode.ts';
import { subsystem } from '../../message/channelRequest.ts';
import type { RemotePath } from '../../sftp/files/paths.ts';
import type { LocalPath } from '../../sftp/seam/localFiles.ts';
import type { SftpPlatform } from '../../sftp/seam/platform.ts';
import type { ServerOptions } from '../../sftp/session/capabilities.ts';
import type { Sftp } from '../../sftp/sftp.ts';
import type { WritableTarget } from '../../sftp/transfer/get.ts';
import type { TransferOptions } from '../../sftp/transfer/options.ts';
import type { UploadSource } from '../../sftp/transfer/put.ts';
import type { TransferResult } from '../../sftp/transfer/result.ts';
import { execPayload } from '../command/requestPayloads.ts';
import type { Platform } from '../platform.ts';
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
  /** The subsystem that serves SFTP. `sftp` */
  readonly subsystem?: string | undefined;
}

/** What is known of the connection when it is dialled. */
export interface Dialled {
  readonly platform: Platform;
  readonly options: {
    readonly host: string;
    readonly port: number;
    readonly limits: Limits;
    readonly timeouts: Timeouts;
    /** Session channels at once, for calls that say nothing of it. */
    readonly maxChannels: number | undefined;
  };
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

/** A client that moves files: one SFTP session for each call. */
export abstract class TransferringClient {
  protected readonly session: Session;
  protected readonly dialled: Dialled;

  constructor(session: Session, dialled: Dialled) {
    this.session = session;
    this.dialled = dialled;
  }

  abstract sftp(options?: SftpOptions): Promise<Sftp>;

  /** Sends one file, or with `recursive` a folder, over an SFTP session of its own. As `Sftp.put`. */
  put(local: UploadSource, remote: RemotePath, options: TransferOptions = {}): Promise<TransferResult> {
    return this.call(TransferringClient.prototype.put, () =>
      this.overSftp(options, (sftp, within) => sftp.putWithin(local, remote, within)),
    );
  }

  /** Brings one file here, or with `recursive` a folder, over an SFTP session of its own. As `Sftp.get`. */
  get(
    remote: RemotePath,
    local: LocalPath | WritableTarget,
    options: TransferOptions = {},
  ): Promise<TransferResult> {
    return this.call(TransferringClient.prototype.get, () =>
      this.overSftp(options, (sftp, within) => sftp.getWithin(remote, local, within)),
    );
  }

  /** What every call of a user's goes through. */
  protected call<T>(calledAs: PublicFunction, work: (site: CallSite) => Promise<T>): Promise<T> {
    const { session } = this;
    const site = new CallSite(calledAs);
    const known = {
      site,
      addressed: (error: SshError) => session.addressed(error),
      isGivenUp: () => session.isGivenUp,
    };
    return publicCall(known, () => work(site));
  }

  /** One deadline covers all of it: the beginning of SFTP, the transfer, the end of SFTP. */
  private async overSftp<T>(
    given: TransferOptions,
    step: (sftp: Sftp, options: TransferOptions) => Promise<T>,
  ): Promise<T> {
    const { checkTransfer } = await lateCode('SFTP', () => import('../../sftp/transfer/options.ts'));
    checkTransfer('a transfer', given);
    const { timeout = Number.POSITIVE_INFINITY, signal } = given;
    const scope = this.session.scope({ name: 'request', detail: 'a transfer over SFTP', timeout, signal });
    const abort = new AbortController();
    scope.onCancel(() => abort.abort());
    const options: TransferOptions = { ...given, timeout: undefined, signal: abort.signal };
    let sftp: Sftp | undefined;
    const transferring = (async () => {
      sftp = await this.sftp({ signal: abort.signal });
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
    } finally {
      scope.end();
    }
  }
}

/** What the channel is asked for. @throws SshError `ERR_SSH_OPTIONS` */
export function sftpCommand(given: SftpOptions): {
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
export function refusedSftp(error: unknown, kind: 'exec' | 'subsystem'): unknown {
  if (!(error instanceof SshError) || error.code !== 'ERR_SSH_REQUEST_FAILED' || kind === 'exec')
    return error;
  return new SshError(error.code, 'the server offers no SFTP: it refused the subsystem', {
    ...error,
    hint: 'sshd offers it with a line "Subsystem sftp internal-sftp" in sshd_config; { command } starts a program that serves it',
  });
}

/** Agrees on SFTP over a channel on which a server has started it. The code for that is loaded now. */
export async function beginSftp(
  session: Session,
  port: ChannelPort,
  { platform, options }: Dialled,
  run: SftpPlatform['run'],
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
