/**
 * A connection over which packets of 64 bytes go, driven as the client drives it.
 *
 * Owns: the dial, the channel, the packets.
 * Must not know: what is measured.
 */
import { defaultLimits, type Limits } from '../../src/base/limits.ts';
import { defaultKeepAlive, defaultTimeouts } from '../../src/base/timeouts.ts';
import type { WaitTable } from '../../src/base/waits.ts';
import { execPayload } from '../../src/client/command/requestPayloads.ts';
import type { Channel } from '../../src/connection/channel.ts';
import type { Clock } from '../../src/io/clock.ts';
import { Driver } from '../../src/io/driver.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { tcpLink } from '../../src/node/socketLink.ts';
import { type ClientEvent, ClientProtocol } from '../../src/protocol/client.ts';
import { identificationLine } from '../../src/transport/identification.ts';
import { defaultPreferences } from '../../src/transport/kex/negotiation.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';

/** Bytes of data in each packet. */
export const packetSize = 64;
/** Smaller than users may ask for: a peer has to cut its data into packets of this size. */
const limits: Limits = { ...defaultLimits, maximumPacketSize: packetSize };

export interface SessionOptions {
  readonly port: number;
  readonly clock: Clock;
  readonly waits: WaitTable;
  /** `stream`: the server sends on and on. `echo`: it gives back each packet, and then the next one goes out. */
  readonly manner: 'stream' | 'echo';
  /** Called with the number of packets that have come, from the first on. */
  readonly came: (packets: number) => void;
}

/** Runs until `came` throws; resolves when nothing is left. */
export async function runSession(options: SessionOptions): Promise<void> {
  const { clock, waits, port, manner, came } = options;
  const message = new Uint8Array(packetSize).fill(7);
  let received = 0;
  const act = (step: (core: ClientProtocol) => void): void => {
    const { core } = driver;
    if (core === undefined || !driver.isLive) return;
    step(core.at(driver.now));
    driver.touch();
  };
  const readable = (channel: Channel): void => {
    received += channel.data.length;
    channel.discard('data');
    came(received / packetSize);
    if (manner === 'echo') channel.write(message);
  };
  const handle = (event: ClientEvent): void => {
    switch (event.type) {
      case 'algorithmsWanted':
        void Promise.all(event.loaders.map((load) => load())).then(() =>
          act((core) => core.algorithmsLoaded()),
        );
        return;
      case 'hostKey':
        return act((core) => core.acceptHostKey());
      case 'methodWanted':
        return act((core) => core.attempt({ method: 'none' }));
      case 'ready':
        return act((core) => core.connection.open('session', new Uint8Array(0)));
      case 'channelOpened':
        return act(() => {
          event.channel.request('exec', execPayload(manner), true);
          if (manner === 'echo') event.channel.write(message);
        });
      case 'channelReadable':
        return act(() => readable(event.channel));
      default:
    }
  };
  const driver: Driver<ClientProtocol> = new Driver<ClientProtocol>(
    {
      clock,
      waits,
      timeouts: defaultTimeouts,
      open: tcpLink({ host: '127.0.0.1', port }),
      createCore: (now) =>
        new ClientProtocol({
          provider: createOpensslProvider(),
          preferences: defaultPreferences,
          limits,
          timeouts: defaultTimeouts,
          keepAlive: defaultKeepAlive,
          rekey: defaultRekeyPolicy,
          identification: identificationLine('bench'),
          requireStrict: false,
          waits,
          now,
          username: 'bench',
        }),
      role: 'client',
      target: `127.0.0.1:${port}`,
      openedAt: undefined,
    },
    { handle, ended: () => {} },
  );
  driver.start();
  await driver.over;
}
