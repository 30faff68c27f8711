/**
 * The end of a process that nobody waits for any more.
 *
 * Owns: the order TERM or EOF, a moment to go by itself, CLOSE (RFC 4254 §6.9, §5.3).
 * Must not know: why it is given up.
 */
import type { Channel } from '../../connection/channel.ts';
import type { Termination } from '../../endpoint/channels/channelPort.ts';
import { signal } from '../../message/channelRequest.ts';
import type { AnyCore } from '../../protocol/core.ts';

/**
 * Milliseconds between TERM or EOF, and CLOSE; fewer where `timeouts.close` is shorter.
 * sshd answers CLOSE only when the process is gone, and Dropbear, when a process ends
 * after CLOSE, may take the next one on the connection for it and close that (seen with
 * 2022.83).
 */
const grace = 1000;

/** Asks the process to end and closes its channel when it has, or has not in time. What it still writes is dropped. */
export function terminate(core: AnyCore, channel: Channel, by: Termination): void {
  const { connection } = core;
  channel.discardAll();
  if (channel.wait?.name === 'close') return;
  if (channel.state !== 'open' || channel.closeSent) return connection.close(channel);
  if (by === 'end of input') channel.eof();
  else channel.request(signal.name, signal.toBytes({ signalName: 'TERM' }), false);
  const end = (): void => {
    connection.finishWait(wait);
    connection.close(channel);
  };
  const wait = connection.startWait('close', `the process on channel ${channel.localId} to end`, end, grace);
  channel.wait = wait;
}
