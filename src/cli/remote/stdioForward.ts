/**
 * Standard input and output as a connection that the server makes (-W).
 *
 * Owns: both directions of it, up to the end of each.
 * Must not know: how the connection came about.
 */
import type { Client } from '../../client/client.ts';
import type { TargetPlace } from '../../forwarding/places.ts';

/** Resolves when the far side has ended. @throws SshError where it cannot be reached */
export async function joinStdio(client: Client, to: TargetPlace, signal: AbortSignal): Promise<void> {
  const stream =
    to.path === undefined
      ? await client.openTcp(to.host, to.port, { signal })
      : await client.openUnix(to.path, { signal });
  process.stdin.pipe(stream);
  // Anybody who reads our output may go first: then there is nothing left to do.
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
