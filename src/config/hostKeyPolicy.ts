/**
 * Which host keys a configuration accepts.
 *
 * Owns: what StrictHostKeyChecking, the files of known and of revoked keys,
 * HostKeyAlias and NoHostAuthenticationForLocalhost come to as one policy.
 * Must not know: formats of files, how a file is changed.
 * Source: ssh_config(5).
 */
import { SshError } from '../base/errors.ts';
import type { HostKeyDial, HostKeyInfo, HostKeyPolicy } from '../client/hostKeys/hostKeys.ts';
import type { FingerprintHash } from '../keys/fingerprintBy.ts';
import { authoritySignaturesOf } from './algorithms.ts';
import type { IdentityContext } from './identities.ts';
import { knownHostsCommandOf } from './knownHostsCommand.ts';
import { isNone } from './reading/canonical.ts';
import type { Resolution } from './reading/resolve.ts';
import { sshPort } from './reading/resolve.ts';
import type { Settings } from './reading/settings.ts';

type PolicyContext = Pick<IdentityContext, 'platform' | 'facts' | 'warnings'>;

/** A file that is always empty, and in which nothing stays. */
const emptyFile = '/dev/null';

/** The policy of a resolution. @throws SshError `ERR_SSH_CONFIG` for a command that cannot be one */
export function hostKeyPolicyOf(
  resolution: Resolution,
  { platform, facts, warnings }: PolicyContext,
): HostKeyPolicy {
  const { settings } = resolution;
  const certificateSignatures = authoritySignaturesOf(settings, warnings);
  const alias = settings.value('hostkeyalias');
  const strict = settings.value('stricthostkeychecking');
  const acceptsNew = strict === 'false' || strict === 'accept-new';
  const own = settings.list('userknownhostsfile').filter((path) => path !== emptyFile);
  const global = settings.list('globalknownhostsfile').filter((path) => path !== emptyFile);
  const files = [...own, ...global];
  const known = platform.knownHosts({
    files: files.length === 0 ? [emptyFile] : files,
    // What is added goes to the first file, which has to be the user's.
    unknown: acceptsNew && own.length > 0 ? 'add' : 'refuse',
    update: settings.value('updatehostkeys') === 'true' && own.length > 0,
    hash: settings.value('hashknownhosts') === 'yes',
    command: knownHostsCommandOf(resolution, facts.variables),
    ...(certificateSignatures === undefined ? {} : { certificateSignatures }),
    // What goes by another name has no address of its own, and what is found needs a file of the user's.
    checkAddress: settings.value('checkhostip') === 'yes' && alias === undefined && own.length > 0,
  });
  const keeping = acceptsNew && own.length === 0 ? acceptUnknown(known) : known;
  const named = alias === undefined ? keeping : underName(keeping, alias);
  const policy =
    settings.value('nohostauthenticationforlocalhost') === 'yes' ? withoutLocalhost(named) : named;
  const revoked = settings.list('revokedhostkeys').filter((path) => !isNone(path));
  // Before all else: a revoked key is no better on this machine.
  return {
    ...(revoked.length === 0 ? policy : platform.withoutRevoked(policy, revoked)),
    fingerprintHash: fingerprintHashOf(settings),
  };
}

/** FingerprintHash. */
export function fingerprintHashOf(settings: Settings): FingerprintHash {
  return (settings.value('fingerprinthash') ?? 'SHA256').toLowerCase() as FingerprintHash;
}

/** Accepts keys of hosts nothing is known of, and keeps none: there is no file for them. */
function acceptUnknown(policy: HostKeyPolicy): HostKeyPolicy {
  return {
    ...policy,
    verify: async (info, dial) => {
      try {
        return await policy.verify(info, dial);
      } catch (error) {
        if (error instanceof SshError && error.code === 'ERR_SSH_HOST_KEY_UNKNOWN') return true;
        throw error;
      }
    },
  };
}

/** The host is known by another name, and by no port. */
function underName(policy: HostKeyPolicy, alias: string): HostKeyPolicy {
  const renamed = (info: HostKeyInfo): HostKeyInfo => ({ ...info, host: alias, port: sshPort });
  const { keyTypes, wantsCertificate, rotation } = policy;
  return {
    verify: (info: HostKeyInfo, dial?: HostKeyDial) => policy.verify(renamed(info), dial),
    ...(keyTypes === undefined
      ? {}
      : { keyTypes: (_host, _port, asking) => keyTypes(alias, sshPort, asking) }),
    ...(wantsCertificate === undefined
      ? {}
      : { wantsCertificate: (_host, _port, asking) => wantsCertificate(alias, sshPort, asking) }),
    ...(rotation === undefined
      ? {}
      : {
          rotation: {
            unknown: (info, announced) => rotation.unknown(renamed(info), announced),
            keep: (info, proved, announced, dial) => rotation.keep(renamed(info), proved, announced, dial),
          },
        }),
  };
}

const localhost = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i;

function withoutLocalhost(policy: HostKeyPolicy): HostKeyPolicy {
  return {
    ...policy,
    verify: (info, dial) => localhost.test(info.host) || policy.verify(info, dial),
  };
}
