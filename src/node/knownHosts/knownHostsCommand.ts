/**
 * Known hosts that a program of the user tells.
 *
 * Owns: what the program is asked, that its output is bounded, that it ends with
 * its time, and that one which fails tells nothing.
 * Must not know: the format of the lines (`keys/`), what is decided by them.
 * Source: ssh_config(5), KnownHostsCommand and TOKENS.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { quotedText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { defaultTimeouts } from '../../base/timeouts.ts';
import type { HostKeyDial, HostKeyInfo, LockBounds } from '../../client/hostKeys/hostKeys.ts';
import { hostSpelling } from '../../keys/knownHosts/hostPattern.ts';
import { KnownHosts } from '../../keys/knownHosts/knownHosts.ts';
import { nodeClock } from '../clock.ts';
import { inSlices } from '../slices.ts';

/** Bytes of output that are taken. */
const longestOutput = 1024 * 1024;

/** Why the program is asked: to order algorithms before there is a key, for the host, or for its address. */
type CommandReason = 'ORDER' | 'HOSTNAME' | 'ADDRESS';

/** What the program is asked about. */
export interface CommandQuestion {
  readonly reason: CommandReason;
  readonly host: string;
  readonly port: number;
  /** Undefined before the server has shown one. */
  readonly info?: HostKeyInfo | undefined;
}

/**
 * Asks the program. With a certificate it is asked about that and about the key in
 * it, which may be known by itself.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for one that cannot be run, fails or says too much, `ERR_SSH_TIMEOUT`
 */
export async function askCommand(
  command: readonly string[],
  question: CommandQuestion,
  dial: Pick<HostKeyDial, 'whileRunning'> | undefined,
): Promise<KnownHosts> {
  const { info } = question;
  const keys = info?.certificate === undefined ? [info?.blob] : [info.certificate.blob, info.blob];
  const answers: KnownHosts[] = [];
  for (const blob of keys) {
    const words = wordsOf(command, question, blob);
    const detail = `the known hosts command ${quotedText(words[0] ?? '', 200)}`;
    const work = (bounds: LockBounds): Promise<string> => outputOf(words, bounds);
    const text =
      dial?.whileRunning === undefined
        ? await work({ timeout: defaultTimeouts.knownHostsCommand })
        : await dial.whileRunning(detail, work);
    answers.push(await inSlices(KnownHosts.readInSteps(text, 'KnownHostsCommand')));
  }
  const known = KnownHosts.merge(...answers);
  await inSlices(known.searchInSteps(question.host, question.port));
  return known;
}

/** The program itself stays as it is. */
function wordsOf(
  [program = '', ...rest]: readonly string[],
  { reason, host, port, info }: CommandQuestion,
  blob: Uint8Array | undefined,
): readonly string[] {
  const isCertificate = info?.certificate !== undefined && blob === info.certificate.blob;
  const tokens: Readonly<Record<string, string>> = {
    '%': '%',
    H: hostSpelling(host, port),
    I: reason,
    K: blob === undefined ? 'NONE' : Buffer.from(blob).toString('base64'),
    t: (isCertificate ? info?.certificate?.type : info?.type) ?? 'NONE',
    f: info?.fingerprint ?? 'NONE',
  };
  return [
    program,
    ...rest.map((word) => word.replace(/%(.)/gs, (all, token: string) => tokens[token] ?? all)),
  ];
}

function outputOf(
  [program = '', ...args]: readonly string[],
  { timeout, signal }: LockBounds,
): Promise<string> {
  const failed = (why: string, cause?: unknown): SshError =>
    new SshError(
      'ERR_SSH_OPTIONS',
      `the known hosts command ${quotedText(program, 200)} ${why}; no host key is accepted without it`,
      { phase: 'keyExchange', origin: 'user', cause },
    );
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      // A group of its own, so that it ends as a whole.
      detached: process.platform !== 'win32',
    });
    const chunks: Buffer[] = [];
    let length = 0;
    let hasEnded = false;
    const settle = (end: () => void): void => {
      timer.cancel();
      signal?.removeEventListener('abort', aborted);
      if (!hasEnded) kill(child);
      end();
    };
    const aborted = (): void => settle(() => reject(failed('was stopped')));
    const timer = nodeClock.schedule(nodeClock.now() + timeout, {
      due: () => settle(() => reject(tooLate(program, timeout))),
    });
    signal?.addEventListener('abort', aborted, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= longestOutput) chunks.push(chunk);
      else settle(() => reject(failed(`said more than ${longestOutput} bytes`)));
    });
    child.once('error', (cause) => settle(() => reject(failed(`cannot be run: ${cause.message}`, cause))));
    child.once('close', (status, by) => {
      hasEnded = true;
      settle(() => {
        if (status === 0) resolve(Buffer.concat(chunks).toString('latin1'));
        else
          reject(
            failed(status === null ? `was ended by ${by ?? 'a signal'}` : `ended with status ${status}`),
          );
      });
    });
  });
}

/** With everything that it has started. */
function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

function tooLate(program: string, timeout: number): SshError {
  return new SshError(
    'ERR_SSH_TIMEOUT',
    `the known hosts command ${quotedText(program, 200)} did not end within ${Math.round(timeout)} ms`,
    { phase: 'keyExchange', origin: 'deadline', waitingFor: 'knownHostsCommand', deadline: timeout },
  );
}
