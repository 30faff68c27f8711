/**
 * Running a command to its end.
 *
 * Owns: what the end of a command is, and what its caller gets of it.
 * Must not know: how a command is started.
 */
import { SshError } from '../../base/errors.ts';
import type { CallScope } from '../../endpoint/calls/callScope.ts';
import { isUsersOwn } from '../../endpoint/calls/userCode.ts';
import type { ChannelPort } from '../../endpoint/channels/channelPort.ts';
import type { RunOptions } from '../callOptions.ts';
import { InputFeed } from './commandInput.ts';
import { defaultMaxBuffer, OutputCollector, type PieceListener } from './commandOutput.ts';
import type { ExitCollector, ExitResult, RefusedRequest } from './remoteProcess.ts';

/** How a command ended and what it wrote. A status other than 0 is a result, not an error. */
export interface RunResult<Data = string> extends ExitResult {
  /** All that the command wrote to its stdout. */
  readonly stdout: Data;
  /** All that the command wrote to its stderr. */
  readonly stderr: Data;
  /** Environment variables the server did not take. */
  readonly refusedEnv: readonly string[];
}

/** A command that was started. */
export interface StartedCommand {
  readonly port: ChannelPort;
  readonly exit: ExitCollector;
  readonly refusedEnv: readonly string[];
  readonly refused: readonly RefusedRequest[];
}

/**
 * Feeds a command, collects its output and resolves when its channel is closed.
 *
 * @param pause resolves when the event loop has had a turn
 * @throws SshError the end of the scope, the cause of the connection's end or `ERR_SSH_MAX_BUFFER`, each with the
 *   output until then; what stands for a value that the input or a listener threw
 */
export async function runToEnd(
  { port, exit, refusedEnv }: StartedCommand,
  options: RunOptions<string> | RunOptions<Uint8Array>,
  scope: CallScope,
  pause: () => Promise<void>,
): Promise<RunResult<string | Uint8Array>> {
  const { encoding = 'utf8', maxBuffer = defaultMaxBuffer, input } = options;
  // What they are given follows from the encoding, as it does for the result.
  const onStdout = options.onStdout as PieceListener | undefined;
  const onStderr = options.onStderr as PieceListener | undefined;
  const output = new OutputCollector(port.data, port.extended, { encoding, maxBuffer, onStdout, onStderr });
  const feed = new InputFeed(port.outbound, pause);
  let collected = false;
  // A server has no more to say after the ends of output and process: one that forgets to close is not waited for.
  const closeOnceDone = (): void => {
    if (collected && exit.isKnown) port.close();
  };
  exit.onKnown = () => {
    // Nobody reads any more, whatever the input still has to say.
    feed.stop();
    closeOnceDone();
  };
  const ended = async (): Promise<void> => {
    await output.collect();
    collected = true;
    closeOnceDone();
    const cause = await port.closed;
    if (cause !== undefined) throw cause;
  };
  try {
    const end = ended();
    // An input that fails ends the call; one that is through, or never is, does not.
    await scope.until(Promise.race([end, feed.run(input).then(() => end)]));
    return { ...output.whole(), ...exit.result, refusedEnv };
  } catch (error) {
    if (!(error instanceof SshError) || isUsersOwn(error)) throw error;
    throw error.withOutput(output.soFar(), output.isEmpty);
  } finally {
    output.stop();
    port.terminate();
    feed.stop();
  }
}
