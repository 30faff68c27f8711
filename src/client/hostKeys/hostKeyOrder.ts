/**
 * Which host key algorithms are asked for first.
 *
 * Owns: the order, from what the verifier knows a host by.
 * Must not know: where the verifier's knowledge is from, negotiation.
 */

import { optionsError } from '../../base/optionChecks.ts';
import { blobTypeOf, certificateAlgorithms, securityKeyAlgorithms } from '../../crypto/specialAlgorithms.ts';
import { askUser } from '../../endpoint/calls/userCode.ts';
import { sharedPreferences } from '../../endpoint/options/algorithmOptions.ts';
import type { ResolvedOptions } from '../dial/options.ts';
import type { BeforeHostKey, HostKeyVerifier } from './hostKeys.ts';

const beforeConnecting = { phase: 'options' } as const;

/**
 * Certificates first where an authority vouches for the host, then the types the
 * verifier knows it by, also those that are offered to nobody else, so that a
 * known host stays known (as OpenSSH does). Where the caller gave a list, it
 * stays as it is.
 */
export async function orderHostKeyAlgorithms(
  options: ResolvedOptions,
  verifier: HostKeyVerifier,
  asking: BeforeHostKey,
): Promise<ResolvedOptions> {
  const { algorithms } = options.given;
  const given = typeof algorithms === 'object' ? algorithms.hostKey : undefined;
  if (typeof verifier === 'function' || Array.isArray(given)) return options;
  const { host, port } = options;
  const types = await askUser(
    'keyTypes',
    () => verifier.keyTypes?.(host, port, asking) ?? [],
    beforeConnecting,
  );
  if (!Array.isArray(types)) throw optionsError('keyTypes must answer with a list of types of keys');
  const certified =
    (await askUser(
      'wantsCertificate',
      () => verifier.wantsCertificate?.(host, port, asking) ?? false,
      beforeConnecting,
    )) === true;
  if (types.length === 0 && !certified) return options;
  const { hostKey, wider } = options.preferences;
  const removed = (given as { readonly remove?: readonly string[] } | undefined)?.remove;
  const extra = [
    ...(certified ? Object.keys(certificateAlgorithms) : []),
    // Keys in tokens are rare: they are asked for where one is known.
    ...Object.keys(securityKeyAlgorithms).filter((name) => types.includes(name)),
  ].filter((name) => removed?.includes(name) !== true);
  const known = (algorithm: string): boolean => types.includes(blobTypeOf(algorithm) ?? '');
  const every = wider?.hostKey ?? hostKey;
  // Of a known host any key is asked for in the end: that it is another one is the better error.
  const ordered = [...extra, ...every.filter(known), ...hostKey, ...(types.length > 0 ? every : [])];
  const preferences = sharedPreferences({ ...options.preferences, hostKey: [...new Set(ordered)] });
  return { ...options, preferences };
}
