/**
 * The forwards of a session of the command.
 *
 * Owns: that all of them stand before the session begins, what is said of each,
 * and the connection of standard input and output to a place (-W).
 * Must not know: how they are typed, how a forward works.
 */
import { SshError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import type { Forward } from '../../forwarding/forward.ts';
import { placeText, type TargetPlace } from '../../forwarding/places.ts';
import type { Trace } from '../connection/trace.ts';
import { messageOf } from '../errorWords.ts';
import type { Messages } from '../messages.ts';
import type { ForwardSpec } from './forwardSpecs.ts';

export interface ForwardContext {
  readonly trace: Trace;
  readonly messages: Messages;
  readonly signal: AbortSignal;
}

/**
 * Makes the forwards. One that cannot be made is said to be, and the others go on.
 *
 * @param areDemanded whether the first that cannot be made ends it
 * @throws SshError where `areDemanded`, or the connection has ended
 */
export async function startForwards(
  client: Client,
  specs: readonly ForwardSpec[],
  areDemanded: boolean,
  { trace, messages, signal }: ForwardContext,
): Promise<readonly Forward[]> {
  const standing: Forward[] = [];
  for (const spec of specs) {
    try {
      const forward = await make(client, spec, {
        signal,
        onConnectionEnd: (connection: { readonly to: string }, error: Error | undefined) => {
          if (error !== undefined) trace.note(`forwarded connection to ${connection.to}: ${error.message}`);
        },
      });
      standing.push(forward);
      trace.note(`forward: ${forward.name}`);
      // A port that the server chose is known to nobody else.
      if (spec.from.port === 0) messages.say(`Allocated port ${forward.address.port} for ${nameOf(spec)}`);
    } catch (error) {
      if (areDemanded || !(error instanceof SshError) || error.code !== 'ERR_SSH_FORWARD') throw error;
      messages.say(messageOf(error));
    }
  }
  return standing;
}

function make(
  client: Client,
  spec: ForwardSpec,
  options: Parameters<Client['forwardSocks']>[1],
): Promise<Forward> {
  switch (spec.kind) {
    case 'local':
      return client.forwardLocal(spec.from, spec.to, options);
    case 'remote':
      return client.forwardRemote(spec.from, spec.to, options);
    case 'socks':
      return client.forwardSocks(spec.from, options);
    case 'remoteSocks':
      return client.forwardRemoteSocks(spec.from, options);
    default:
      return spec satisfies never;
  }
}

function nameOf(spec: ForwardSpec): string {
  return 'to' in spec ? `the forward to ${placeText(spec.to)}` : 'the SOCKS proxy';
}

/** Joins standard input and output to a place that the server reaches; resolves when both directions have ended. */
export async function joinStdio(client: Client, to: TargetPlace, signal: AbortSignal): Promise<void> {
  const stream =
    to.path === undefined
      ? await client.openTcp(to.host, to.port, { signal })
      : await client.openUnix(to.path, { signal });
  process.stdin.pipe(stream);
  // Whoever reads our output may go first: then there is nothing left to do.
  process.stdout.on('error', () => stream.destroy());
  await new Promise<void>((resolve, reject) => {
    stream.once('error', reject);
    stream.once('end', () => resolve());
    stream.once('close', () => resolve());
    stream.pipe(process.stdout, { end: false });
  });
  process.stdin.unpipe(stream);
  process.stdin.pause();
  stream.destroy();
}
