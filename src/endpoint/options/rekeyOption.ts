/**
 * When new keys are agreed on, as a client or a server is told.
 *
 * Owns: the option `rekey` of either role, its defaults and checks.
 * Must not know: how keys are exchanged.
 */
import { checkOptions, type OptionRule, type OptionTable } from '../../base/optionChecks.ts';
import { defaultRekeyPolicy, type RekeyPolicy } from '../../transport/transport.ts';

const table: OptionTable<RekeyPolicy> = {
  bytes: atLeast(16 * 1024),
  packets: atLeast(64),
  interval: atLeast(1000),
};

/**
 * The defaults with a user's changes.
 *
 * @throws SshError `ERR_SSH_OPTIONS` that names the option, what it takes and what it got
 */
export function resolveRekey(
  given: { readonly [Name in keyof RekeyPolicy]?: RekeyPolicy[Name] | undefined } | undefined,
): RekeyPolicy {
  if (given === undefined) return defaultRekeyPolicy;
  checkOptions(given, { of: 'rekey', table, prefix: 'rekey.' });
  const { bytes, packets, interval } = defaultRekeyPolicy;
  return {
    bytes: given.bytes ?? bytes,
    packets: given.packets ?? packets,
    interval: given.interval ?? interval,
  };
}

function atLeast(lowest: number): OptionRule {
  return {
    takes: `a number of at least ${lowest}`,
    accepts: (value) => typeof value === 'number' && value >= lowest,
  };
}
