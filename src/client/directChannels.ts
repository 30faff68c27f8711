/**
 * Connections that a server makes for its client.
 *
 * Owns: direct-tcpip (RFC 4254 §7.2), direct-streamlocal (OpenSSH PROTOCOL §2.4), and
 * the sockets over these channels.
 * Must not know: what goes through them, who listens for what.
 */
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { SocketStream, StreamFactory } from '../endpoint/streams.ts';
import type { TargetPath, TargetPlace, TargetTcp } from '../forwarding/places.ts';
import { directStreamlocal, directTcpip } from '../message/channel.ts';
import type { CallOptions, OpenStreamOptions } from './callOptions.ts';
import type { Session } from './session.ts';

/** Has the server connect to a place. @throws SshError `ERR_SSH_CHANNEL_OPEN_FAILED`, and as every call */
export async function openDirect(
  session: Session,
  place: TargetPlace,
  options: CallOptions,
): Promise<ChannelPort> {
  const { name, data, detail } = place.path === undefined ? tcp(place) : streamlocal(place);
  return session.scoped('channelOpen', detail, options, (scope) =>
    scope.until(session.openChannel(name, data, scope)),
  );
}

interface DirectChannel {
  readonly name: string;
  readonly data: Uint8Array;
  readonly detail: string;
}

function tcp({ host, port }: TargetTcp): DirectChannel {
  const data = directTcpip.toBytes({
    hostToConnect: host,
    portToConnect: port,
    originatorIpAddress: '127.0.0.1',
    originatorPort: 0,
  });
  return { name: directTcpip.name, data, detail: 'a forwarded connection' };
}

function streamlocal({ path }: TargetPath): DirectChannel {
  const data = directStreamlocal.toBytes({ socketPath: path, reservedString: '', reservedNumber: 0 });
  return { name: directStreamlocal.name, data, detail: 'a forwarded local socket' };
}

/** Such a channel as its user holds it. */
export function directSocket(
  port: ChannelPort,
  streams: StreamFactory,
  place: TargetPlace,
  { allowHalfOpen = true }: OpenStreamOptions,
): SocketStream {
  // Connections carry data alone.
  port.extended.cancel();
  const stream = streams.socket(port.data, port.outbound, place);
  stream.allowHalfOpen = allowHalfOpen;
  return stream;
}
