/**
 * Whose turn it is to open something.
 *
 * Owns: the wait for a handle where a server has few; telling a server that has no more of them
 * from one that refuses a file, since both say SSH_FX_FAILURE; what a caller is told whose turn
 * never came.
 * Must not know: what is opened.
 */
import { utf8Decode, utf8Encode } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { statusCodes } from '../packet/status.ts';
import { isPlainFailure } from '../protocol/errors.ts';
import type { Errand } from './errand.ts';
import type { HandleLedger } from './handles.ts';
import type { SftpLink } from './link.ts';

export interface TurnOptions {
  readonly errand: Errand | undefined;
  /** Handles that the caller itself holds until it has this one as well. Default: 0. */
  readonly own?: number | undefined;
  /**
   * It is one of many files that are opened and closed soon. Where some of these are open a
   * refusal is tried again with fewer of them, and the server is asked for nothing else.
   */
  readonly isOneOfMany?: boolean | undefined;
}

/** What a server's refusal was about: the file, the handles that it has no more of, or neither, since the next try went well. */
export type Verdict<T> =
  | { readonly about: 'file' }
  | { readonly about: 'handles' }
  | { readonly about: 'nothing'; readonly result: T };

/** Folders that almost everybody may list: one is opened to see whether there is a handle left. */
const probes: readonly Uint8Array[] = ['.', '/'].map(utf8Encode);
/** Tries that others may have spoilt, beyond which the last one counts. */
const mostTries = 8;

export class HandleTurns {
  private readonly link: SftpLink;
  private readonly handles: HandleLedger;
  private pairs: Promise<unknown> = Promise.resolve();

  constructor(link: SftpLink, handles: HandleLedger) {
    this.link = link;
    this.handles = handles;
  }

  /**
   * Counts a handle in, once there is room for it. Who has waited for the `request` time tries
   * without. Whether there was room.
   *
   * @throws SshError the errand's cancellation
   */
  async take(errand: Errand | undefined, own: number = 0): Promise<boolean> {
    const { handles } = this;
    let isInTime = true;
    while (isInTime && handles.isFull && handles.open > own) isInTime = await this.closed(errand);
    handles.asked();
    return isInTime;
  }

  /**
   * Asks for a handle. Where the server has no more of them it is asked for again once another
   * one is closed. `ask` finds the handle counted in, and counts it out where it fails.
   *
   * @throws SshError what the server answered; where it has no more handles, with what can be done
   */
  async ask<T>(ask: () => Promise<T>, { errand, own = 0, isOneOfMany = false }: TurnOptions): Promise<T> {
    const { handles } = this;
    for (let round = 1; ; round++) {
      const isInTime = await this.take(errand, own);
      // Those that are asked for at the same time are not held yet.
      const { held } = handles;
      try {
        const result = await ask();
        if (round > 1) handles.prove();
        return result;
      } catch (error) {
        if (!isPlainFailure(error)) throw error;
        const others = Math.max(held, handles.held, isOneOfMany ? 0 : handles.open);
        if (isOneOfMany && isInTime && handles.held > handles.heldByCaller) {
          handles.suspect(round === 1 ? others : 1);
          continue;
        }
        const verdict: Verdict<T> = others === 0 ? { about: 'file' } : await this.judge(ask, errand);
        if (verdict.about === 'nothing') return verdict.result;
        if (verdict.about === 'file') {
          if (round > 1) handles.acquit();
          throw error;
        }
        handles.suspect(others);
        if (others > own && isInTime && (await this.closed(errand))) continue;
        handles.acquit();
        throw noneLeft(error, others, own);
      }
    }
  }

  /**
   * What a plain failure was about. The server is asked for the handle of a folder that may be
   * listed: where it refuses that as well, it has none left. Where it gives one, this is given
   * back, and `ask` follows with nothing in between: what fails then fails for a reason of its own.
   *
   * @throws SshError the errand's cancellation, the cause of the session's end, what `ask` throws but a plain failure
   */
  async judge<T>(ask: () => Promise<T>, errand: Errand | undefined): Promise<Verdict<T>> {
    const { handles } = this;
    for (let tries = 1; ; tries++) {
      const probe = await this.probe(errand);
      if (probe === 'refused') return { about: 'handles' };
      if (probe === 'unknown') return { about: 'file' };
      let isClosed = false;
      const closing = this.close(probe).then(() => {
        isClosed = true;
      });
      handles.asked();
      const { grants } = handles;
      try {
        return { about: 'nothing', result: await ask() };
      } catch (error) {
        if (!isPlainFailure(error)) throw error;
        // A server that does several things at once may have given it to another request.
        const isSure = isClosed && handles.grants === grants;
        await closing;
        if (isSure || tries === mostTries) return { about: 'file' };
      }
    }
  }

  /**
   * Waits until a handle is closed, or the `request` time is over. Whether one was.
   *
   * @throws SshError the errand's cancellation
   */
  closed(errand: Errand | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const { channel } = this.link;
      const over = (): void => {
        channel.finishWait(wait);
        unlisten();
        keep?.();
      };
      const wait = channel.startWait('a file of this session to be closed', () => {
        over();
        resolve(false);
      });
      const unlisten = this.handles.onNextClose(() => {
        over();
        resolve(true);
      });
      let keep: (() => void) | undefined;
      keep = errand?.onCancel((error) => {
        over();
        reject(error);
      });
    });
  }

  /**
   * Runs the opening of two files that belong together, when that of others is over: each of
   * several would hold one of them and wait for what the others hold.
   *
   * @throws SshError the errand's cancellation; what `open` throws
   */
  async inPair<T>(open: () => Promise<T>, errand: Errand | undefined): Promise<T> {
    const before = this.pairs;
    let end: () => void = () => {};
    const own = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.pairs = before.then(() => own);
    try {
      await unlessCancelled(before, errand);
      return await open();
    } finally {
      end();
    }
  }

  /** A handle, if the server has one left; unknown where it lets none of these folders be listed. */
  private async probe(errand: Errand | undefined): Promise<Uint8Array | 'refused' | 'unknown'> {
    const { link, handles } = this;
    for (const path of probes) {
      const operation = { name: 'opendir', path: utf8Decode(path) };
      handles.asked();
      let given: Uint8Array | undefined;
      try {
        const answer = await link.ask({ kind: 'opendir', path }, operation, errand);
        if (answer.kind === 'handle') {
          given = answer.handle;
          handles.opened(given, operation.path);
          return given;
        }
        if (answer.kind === 'status' && answer.errorCode === statusCodes.failure) return 'refused';
      } finally {
        if (given === undefined) handles.refused();
      }
    }
    return 'unknown';
  }

  private async close(handle: Uint8Array): Promise<void> {
    const operation = { name: 'close', path: undefined };
    await this.link.ask({ kind: 'close', handle }, operation).catch(() => {});
    this.handles.closed(handle);
  }
}

/**
 * The error of a refusal that waiting did not help against.
 *
 * @param others handles that are held
 * @param own those of them that the call itself holds
 */
export function noneLeft(error: SshError, others: number, own: number): SshError {
  const files = others === 1 ? 'the file that is open' : `one of the ${others} that are open`;
  const hint = others > own ? `close ${files} first` : `this call needs ${own + 1} of them at once`;
  return new SshError(
    error.code,
    `${error.message}; the server has no handle left for this session: ${hint}`,
    { origin: error.origin, path: error.path, status: error.status, cause: error },
  );
}

function unlessCancelled(promise: Promise<unknown>, errand: Errand | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const keep = errand?.onCancel(reject);
    void promise.then(() => {
      keep?.();
      resolve();
    });
  });
}
