/**
 * Key exchanges at any message of either side.
 *
 * Owns: the hooks by which a simulated connection exchanges keys before or behind
 * a message that it says or hears.
 * Must not know: stories, wires, laws.
 */
import fc from 'fast-check';
import type { Driver } from '../../src/io/driver.ts';
import { observeConnections } from '../../src/io/registry.ts';
import type { ClientProtocol } from '../../src/protocol/client.ts';
import type { ServerProtocol } from '../../src/protocol/server.ts';

type Core = ClientProtocol | ServerProtocol;

/** At which messages one side asks for new keys. */
export interface RekeyRhythm {
  /** Every so many messages, said and heard ones counted together; 1 is each of them. */
  readonly every: number;
  /** Before the message, so that it waits, or behind it. */
  readonly moment: 'before' | 'behind';
}

export interface RekeyPlan {
  readonly client?: RekeyRhythm | undefined;
  readonly server?: RekeyRhythm | undefined;
}

const rhythm: fc.Arbitrary<RekeyRhythm> = fc.record({
  every: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 12 })),
  moment: fc.constantFrom('before' as const, 'behind' as const),
});

export const rekeyPlans: fc.Arbitrary<RekeyPlan> = fc.record({
  client: fc.option(rhythm, { nil: undefined }),
  server: fc.option(rhythm, { nil: undefined }),
});

/** What both sides allow where keys are exchanged again and again. */
export const patience = { keyExchangesWithoutData: 1_000_000 } as const;

/** Connections that begin from now on exchange keys by the plan; the returned function ends that. Counts the exchanges. */
export function rekeyBy(plan: RekeyPlan): { readonly stop: () => void; readonly exchanges: () => number } {
  let exchanges = 0;
  const stop = observeConnections({
    opened: (connection) => {
      const { role } = connection.snapshot();
      whenMade(connection as unknown as { core: Core | undefined }, (core) => {
        const own = plan[role];
        if (own !== undefined) follow(core, own);
        const emit = core.emit.bind(core);
        core.emit = (event) => {
          if (event.type === 'keyExchanged') exchanges++;
          emit(event);
        };
      });
    },
  });
  return { stop, exchanges: () => exchanges };
}

/** The driver makes its core when its link is up. */
function whenMade(
  driver: Pick<Driver<ClientProtocol>, never> & { core: Core | undefined },
  made: (core: Core) => void,
): void {
  let core: Core | undefined;
  Object.defineProperty(driver, 'core', {
    get: () => core,
    set: (value: Core | undefined) => {
      core = value;
      if (value !== undefined) made(value);
    },
  });
}

function follow(core: Core, { every, moment }: RekeyRhythm): void {
  const { transport } = core;
  let count = 0;
  const around = (step: () => void): void => {
    const isDue = transport.keyExchange.negotiated !== undefined && ++count % every === 0;
    if (isDue && moment === 'before') core.rekey();
    step();
    if (isDue && moment === 'behind') core.rekey();
  };
  const send = transport.send.bind(transport);
  transport.send = (message, value, sealed) => around(() => send(message, value, sealed));
  const receive = core.receiveMessage.bind(core);
  core.receiveMessage = (number, buffer, start, end) => around(() => receive(number, buffer, start, end));
}
