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

/**
 * What a server's refusal was about: the file; the handles, since the server gives no more than `most`;
 * or neither, since the next try went well.
 */
export type Verdict<T> =
  | { readonly about: 'file' }
  | { readonly about: 'handles'; readonly most: number }
  | { readonly about: 'nothing'; readonly result: T };

/** A refusal that nobody has judged yet. */
interface Case {
  /** Tries again; finds the handle counted in. */
  readonly retry: () => Promise<Verdict<unknown>>;
  readonly decide: (verdict: Verdict<unknown>) => void;
  readonly fail: (error: unknown) => void;
}

/** Folders that almost everybody may list: one is opened to see whether there is a handle left. */
const probes: readonly Uint8Array[] = ['.', '/'].map(utf8Encode);
/** Times that one of many files is tried with fewer of them open, before the server is asked. */
const mostQuietTries = 3;

export class HandleTurns {
  private readonly link: SftpLink;
  private readonly handles: HandleLedger;
  /** Refusals that are not judged yet. */
  private readonly cases = new Set<Case>();
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
    const mustWait = (): boolean => handles.isHeldBack || (handles.isFull && handles.open > own);
    while (isInTime && mustWait()) isInTime = await this.closed(errand);
    handles.asked();
    return isInTime;
  }

  /**
   * Asks for a handle. Where the server has no more of them it is asked for again once another
   * one is closed. `ask` finds the handle counted in, and counts it out where it fails.
   *
   * A refusal while no other handle of this session can have been open is the server's answer.
   *
   * @throws SshError what the server answered; where it has no more handles, with what can be done
   */
  async ask<T>(ask: () => Promise<T>, { errand, own = 0, isOneOfMany = false }: TurnOptions): Promise<T> {
    const { handles } = this;
    for (let round = 1; ; round++) {
      const isInTime = await this.take(errand, own);
      const { held } = handles;
      const countOthers = handles.countOthers();
      try {
        const result = await ask();
        if (round > 1) handles.prove();
        return result;
      } catch (error) {
        if (!isPlainFailure(error)) throw error;
        const others = countOthers();
        const callers = handles.heldByCaller;
        if (isOneOfMany && isInTime && others > callers && round <= mostQuietTries) {
          handles.suspect(round === 1 ? Math.max(callers + 1, held, handles.held) : callers + 1);
          continue;
        }
        const verdict: Verdict<T> = others === 0 ? { about: 'file' } : await this.judge(ask, errand);
        if (verdict.about === 'nothing') return verdict.result;
        if (verdict.about === 'file') {
          if (round > 1) handles.acquit();
          throw error;
        }
        handles.suspect(verdict.most);
        if (verdict.most > own && isInTime) {
          // All may have been closed while the server was tried.
          if (handles.open <= own || (await this.closed(errand))) continue;
        }
        handles.acquit();
        throw noneLeft(error, verdict.most, own);
      }
    }
  }

  /**
   * What a plain failure was about, while other handles were open or asked for. `ask` finds the
   * handle counted in, as always.
   *
   * @throws SshError the errand's cancellation, the cause of the session's end, what `ask` throws but a plain failure
   */
  judge<T>(ask: () => Promise<T>, errand: Errand | undefined): Promise<Verdict<T>> {
    return new Promise<Verdict<T>>((resolve, reject) => {
      let keep: (() => void) | undefined;
      const over = (): void => {
        this.cases.delete(own);
        keep?.();
      };
      const own: Case = {
        retry: async () => {
          this.handles.asked();
          try {
            return { about: 'nothing', result: await ask() };
          } catch (error) {
            if (!isPlainFailure(error)) throw error;
            return { about: 'file' };
          }
        },
        decide: (verdict) => {
          over();
          resolve(verdict as Verdict<T>);
        },
        fail: (error) => {
          over();
          reject(error);
        },
      };
      this.cases.add(own);
      keep = errand?.onCancel(own.fail);
      if (!this.handles.isHeldBack) void this.judgeAll();
    });
  }

  /**
   * Judges what was refused. Nobody else opens anything meanwhile, and nothing is concluded from
   * the order of answers: a server may do things in any order.
   */
  private async judgeAll(): Promise<void> {
    const { handles, cases } = this;
    handles.holdBack();
    try {
      while (cases.size > 0) await this.judgeOnce();
    } catch (error) {
      for (const { fail } of [...cases]) fail(error);
    } finally {
      handles.letGo();
    }
  }

  private async judgeOnce(): Promise<void> {
    const { handles, cases } = this;
    const isQuiet = await this.quiet();
    const { held } = handles;
    const room = isQuiet && (held === 0 || (await this.hasRoom()));
    const asked = [...cases];
    const noRoom: Verdict<unknown> = { about: 'handles', most: Math.max(1, held) };
    if (!room) {
      for (const { decide } of asked) decide(noRoom);
      return;
    }
    const { grants, asks } = handles;
    const answers = await Promise.all(
      asked.map(async (one) => {
        try {
          return await one.retry();
        } catch (error) {
          one.fail(error);
          return undefined;
        }
      }),
    );
    const given = handles.grants - grants;
    // Where one was given there was room for so many; the others may have come too late for it.
    const isSure = given === 0 && handles.asks - asks === asked.length;
    const tooLate: Verdict<unknown> = { about: 'handles', most: Math.max(1, held + given) };
    for (const [index, { decide }] of asked.entries()) {
      const answer = answers[index];
      if (answer !== undefined) decide(answer.about === 'nothing' || isSure ? answer : tooLate);
    }
  }

  /** Whether the server gives a handle beyond those that are held, and has it back. */
  private async hasRoom(): Promise<boolean> {
    const { handles } = this;
    const probe = await this.probe();
    if (probe === 'refused') return false;
    // Those that calls of this session hold are closed soon, and then it is known.
    if (probe === 'unknown') return handles.held <= handles.heldByCaller;
    await this.close(probe);
    return true;
  }

  /**
   * Waits until a handle is closed, or the `request` time is over. Whether one was.
   *
   * @throws SshError the errand's cancellation
   */
  closed(errand: Errand | undefined): Promise<boolean> {
    return this.change('a file of this session to be closed', errand);
  }

  /**
   * Waits until nobody is held back, for a caller that holds handles while it waits for others: it can
   * know only then whether there is room.
   *
   * @throws SshError the errand's cancellation
   */
  async unhindered(errand: Errand | undefined): Promise<void> {
    let isInTime = true;
    while (isInTime && this.handles.isHeldBack) isInTime = await this.closed(errand);
  }

  /** Waits until everything that was asked for is answered, or the `request` time is over. Whether it is. */
  private async quiet(): Promise<boolean> {
    while (this.handles.inFlight > 0) {
      if (!(await this.change('the opening of other files of this session'))) return false;
    }
    return true;
  }

  private change(detail: string, errand?: Errand): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const { channel } = this.link;
      const over = (): void => {
        channel.finishWait(wait);
        unlisten();
        keep?.();
      };
      const wait = channel.startWait(detail, () => {
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
  private async probe(): Promise<Uint8Array | 'refused' | 'unknown'> {
    const { link, handles } = this;
    for (const path of probes) {
      const operation = { name: 'opendir', path: utf8Decode(path) };
      handles.asked();
      let given: Uint8Array | undefined;
      try {
        const answer = await link.ask({ kind: 'opendir', path }, operation);
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
