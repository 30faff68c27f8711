/** Objects that count bytes keep their hidden class beyond 2^31, so that compiled code stays. */
import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { WaitTable } from '../../src/base/waits.ts';
import type { Channel } from '../../src/connection/channel.ts';
import { ReceiveWindow } from '../../src/connection/receiveWindow.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import { ClientProtocol } from '../../src/protocol/client.ts';
import { identificationLine } from '../../src/transport/identification.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';
import { LoneChannel } from '../connection/support.ts';
import { seededBytes } from '../support/conversation.ts';

setFlagsFromString('--allow-natives-syntax');
const haveSameMap = new Function('one', 'other', 'return %HaveSameMap(one, other)') as (
  one: object,
  other: object,
) => boolean;
setFlagsFromString('--no-allow-natives-syntax');

const provider = createEagerNobleProvider({ randomBytes: seededBytes(5) });

function client(): ClientProtocol {
  return new ClientProtocol({
    provider,
    preferences: { ...resolveAlgorithms(undefined), wider: {} },
    limits: defaultLimits,
    timeouts: defaultTimeouts,
    keepAlive: undefined,
    rekey: defaultRekeyPolicy,
    identification: identificationLine('deadline_ssh'),
    requireStrict: false,
    waits: new WaitTable(),
    now: 0,
    username: 'user',
  });
}

describe('a count of bytes that passes 2^31', () => {
  it('is a change of form where nothing is done about it', () => {
    class Plain {
      bytes = 0;
    }
    const [old, kept] = [new Plain(), new Plain()];
    old.bytes += 2 ** 31;
    expect(haveSameMap(old, kept)).toBe(false);
  });

  it.each<[string, () => object, readonly string[]]>([
    ['a connection', client, ['bytesReceived', 'bytesSent']],
    ['a channel', (): Channel => new LoneChannel().channel, ['bytesIn', 'bytesOut']],
    ['a window', (): ReceiveWindow => new ReceiveWindow(1000, 1000), ['received']],
  ])('leaves %s in its form', (_, make, counts) => {
    const [long, short] = [make() as Record<string, number>, make()];
    for (const count of counts) {
      expect([count, long[count]]).toEqual([count, 0]);
      (long[count] as number) += 2 ** 31;
    }
    expect(haveSameMap(long, short)).toBe(true);
  });
});
