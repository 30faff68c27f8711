/**
 * SFTP on a channel of a server.
 *
 * Owns: the beginning of a session on what the application serves, and its end on the channel.
 * Must not know: requests of SFTP, how a subsystem is asked for.
 */
import { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { callback, isObject, type OptionRule, optionsError } from '../base/optionChecks.ts';
import type { Wait } from '../base/waits.ts';
import { askUser, tellUser } from '../endpoint/calls/userCode.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import { lateCode } from '../endpoint/lateCode.ts';
import type { LookAtSftp, ShownSftp } from '../io/shownSftp.ts';
import { exitStatus } from '../message/channelRequest.ts';
import { symlinkOrderOf } from '../sftp/protocol/quirks.ts';
import { checkHandlers, hasHandlers, type SftpHandlers, serveFiles } from '../sftp/serve/handlers.ts';
import type { SftpContext, SftpStore } from '../sftp/serve/store.ts';

type Awaitable<T> = T | Promise<T>;

/** What a server has files from. */
export type SftpOption =
  | SftpStore
  | SftpHandlers
  /** Asked for each session; `undefined` serves this user nothing. */
  | ((context: SftpContext) => Awaitable<SftpStore | SftpHandlers | undefined>);

export const sftpRule: OptionRule = {
  takes: 'serveFolder(…), handlers, or a function that gives one of them',
  accepts: (value) => callback.accepts(value) || isStore(value) || hasHandlers(value),
};

/** @throws SshError `ERR_SSH_OPTIONS` */
export function checkSftpOption(given: SftpOption): void {
  if (typeof given !== 'function' && !isStore(given)) checkHandlers(given);
}

/** Waits of the connection, for sessions of SFTP. */
export interface SubsystemWaits {
  /** Opens a wait named `request`; undefined where the connection is over. */
  start(detail: string, onExpire: () => void): Wait | undefined;
  finish(wait: Wait | undefined): void;
  timeoutError(wait: Wait): SshError;
}

export interface SftpSubsystemParts {
  readonly port: ChannelPort;
  readonly sftp: SftpOption;
  readonly username: string;
  readonly limits: Limits;
  /** What the client calls itself. */
  readonly identification: string;
  readonly waits: SubsystemWaits;
  /** Shows a session in reports of the connection. */
  readonly show: (look: LookAtSftp) => ShownSftp;
  readonly report: (error: unknown) => void;
}

const succeeded = 0;
const failed = 1;

export class SftpSubsystem {
  private readonly parts: SftpSubsystemParts;
  private readonly aborter = new AbortController();

  constructor(parts: SftpSubsystemParts) {
    this.parts = parts;
  }

  start(): void {
    // A session that reads no more still has its status to tell, as a process has.
    const { outboundExtended } = this.parts.port;
    outboundExtended.listen(() => {});
    outboundExtended.cancel();
    this.serve().then(
      (code) => this.exit(code),
      (error: unknown) => {
        this.parts.report(error);
        this.exit(failed);
      },
    );
  }

  private async serve(): Promise<number> {
    const { port, username, limits, identification, waits, show, report } = this.parts;
    const { signal } = this.aborter;
    void port.closed.then((cause) => this.aborter.abort(cause ?? closedByClient()));
    const { ServedSession } = await lateCode('SFTP', () => import('../sftp/serve/session.ts'));
    const store = await this.inTime(this.begin({ username, signal }));
    if (store === undefined) return failed;
    const session = new ServedSession({
      source: port.data,
      sink: port.outbound,
      store,
      limits,
      symlinkOrder: symlinkOrderOf(identification),
      date: () => Date.now(),
      startWait: (detail, onExpire) => waits.start(`${detail} on channel ${port.channel.localId}`, onExpire),
      finishWait: (wait) => waits.finish(wait),
      timeoutError: (wait) => waits.timeoutError(wait),
      report,
    });
    const { localId: channel } = port.channel;
    const shown = show((withNames) => ({ channel, ...session.snapshot(withNames) }));
    session.start();
    const cause = await session.ended;
    shown.over();
    this.aborter.abort(cause);
    return cause.code === 'ERR_SSH_CHANNEL_CLOSED' ? succeeded : failed;
  }

  private async begin(context: SftpContext): Promise<Awaited<ReturnType<SftpStore['begin']>> | undefined> {
    const { sftp } = this.parts;
    const given: unknown =
      typeof sftp === 'function' ? await askUser('sftp', async () => sftp(context)) : sftp;
    if (given === undefined) return undefined;
    if (isStore(given)) return given.begin(context);
    if (!isObject(given)) throw optionsError(`sftp must answer with ${sftpRule.takes}`);
    return serveFiles(given).begin(context);
  }

  /** A store that does not begin in time is given up; one that begins later is closed. */
  private inTime<T extends { close(): Promise<void> } | undefined>(beginning: Promise<T>): Promise<T> {
    const { waits, port } = this.parts;
    return new Promise((resolve, reject) => {
      let isOver = false;
      const detail = `a store of SFTP to begin, a handler of this server, on channel ${port.channel.localId}`;
      const wait = waits.start(detail, () => {
        if (wait !== undefined) giveUp(waits.timeoutError(wait));
      });
      const giveUp = (error: SshError): void => {
        isOver = true;
        waits.finish(wait);
        reject(error);
      };
      beginning.then(
        (store) => {
          waits.finish(wait);
          if (isOver) {
            tellUser(
              'close of a store of SFTP',
              () => store?.close(),
              (fault) => this.parts.report(fault),
            );
          }
          resolve(store);
        },
        (error: unknown) => {
          waits.finish(wait);
          reject(error);
        },
      );
    });
  }

  /** EOF, the status, CLOSE, behind what was answered. */
  private exit(code: number): void {
    const { port } = this.parts;
    const { channel } = port;
    port.outbound.end(() => {
      port.door.quietly(() => {
        // Its client may have closed it meanwhile, and the connection has other channels.
        if (channel.state !== 'open' || channel.closeSent) return;
        channel.request(exitStatus.name, exitStatus.toBytes({ exitStatus: code }), false);
      });
      port.close();
    });
    port.data.cancel();
  }
}

function isStore(given: unknown): given is SftpStore {
  return isObject(given) && typeof given['begin'] === 'function';
}

function closedByClient(): SshError {
  return new SshError('ERR_SSH_CHANNEL_CLOSED', 'the client closed the channel', { origin: 'peer' });
}
