/**
 * The questions of a reading, answered by the platform.
 *
 * Owns: that each is answered within the time of the whole, and that a command
 * ends with it.
 * Must not know: what is asked for, and why.
 */
import { escapeText, quotedText } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { ConfigPlatform } from './platform.ts';
import type { Answers, Asking, Question } from './reading/facts.ts';

export interface AnswerBounds {
  /** Milliseconds for all of it. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** Bytes of one file. */
  readonly fileSize: number;
}

/**
 * Runs the work to its end.
 *
 * @throws what the work throws; SshError `ERR_SSH_TIMEOUT`, `ERR_SSH_ABORTED`
 */
export async function answerAll<Result>(
  work: Asking<Result>,
  platform: ConfigPlatform,
  bounds: AnswerBounds,
): Promise<Result> {
  const limit = new TimeLimit(platform, bounds);
  try {
    let step = work.next();
    while (step.done !== true) {
      step = work.next(
        await limit.within(step.value, (signal) => answer(step.value as Question, platform, bounds, signal)),
      );
    }
    return step.value;
  } finally {
    limit.end();
  }
}

function answer(
  question: Question,
  platform: ConfigPlatform,
  { fileSize }: AnswerBounds,
  signal: AbortSignal,
): Promise<Answers[Question['kind']]> {
  switch (question.kind) {
    case 'file':
      return platform.readFile(question.path, { isGuarded: question.isGuarded, maximum: fileSize });
    case 'glob':
      return platform.glob(question.pattern);
    case 'exec':
      return platform.run(question.command, signal);
    case 'lookup':
      return platform.lookup(question.name, question.family);
    default:
      return question satisfies never;
  }
}

/** One deadline for everything that is waited for. */
class TimeLimit {
  private readonly controller = new AbortController();
  private readonly timeout: number;
  private readonly started: number;
  private readonly platform: ConfigPlatform;
  private readonly signal: AbortSignal | undefined;
  private readonly timer: { cancel(): void } | undefined;
  private readonly aborted = (): void => {
    this.controller.abort(
      new SshError('ERR_SSH_ABORTED', 'the reading of the configuration was aborted', {
        phase: 'options',
        origin: 'user',
        cause: this.signal?.reason,
      }),
    );
  };
  private waitingFor = '';

  constructor(platform: ConfigPlatform, { timeout, signal }: AnswerBounds) {
    const { clock } = platform;
    this.platform = platform;
    this.timeout = timeout;
    this.signal = signal;
    this.started = clock.now();
    this.timer =
      timeout === Number.POSITIVE_INFINITY
        ? undefined
        : clock.schedule(this.started + timeout, { due: () => this.controller.abort(this.expired()) });
    signal?.addEventListener('abort', this.aborted, { once: true });
    if (signal?.aborted === true) this.aborted();
  }

  /** What the work gives, or the end of the time. What becomes of the work later is no matter. */
  async within<T>(question: Question, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.controller;
    this.waitingFor = wordsOf(question);
    signal.throwIfAborted();
    return new Promise<T>((resolve, reject) => {
      const end = (): void => reject(signal.reason);
      signal.addEventListener('abort', end, { once: true });
      work(signal)
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', end));
    });
  }

  end(): void {
    this.timer?.cancel();
    this.signal?.removeEventListener('abort', this.aborted);
  }

  private expired(): SshError {
    const { timeout, waitingFor } = this;
    return new SshError(
      'ERR_SSH_TIMEOUT',
      `the configuration was not read within ${timeout} ms: ${waitingFor} took too long`,
      {
        phase: 'options',
        origin: 'deadline',
        waitingFor,
        elapsed: this.platform.clock.now() - this.started,
        deadline: timeout,
      },
    );
  }
}

const shownCommand = 100;

function wordsOf(question: Question): string {
  switch (question.kind) {
    case 'file':
      return `the file ${escapeText(question.path, 300)}`;
    case 'glob':
      return `the files ${escapeText(question.pattern, 300)}`;
    case 'exec':
      return `the command ${quotedText(question.command, shownCommand)} of Match exec`;
    case 'lookup':
      return `the look-up of ${escapeText(question.name, 300)}`;
    default:
      return question satisfies never;
  }
}
