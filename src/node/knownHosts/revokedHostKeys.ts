/**
 * Files of revoked keys as a part of a host key policy.
 *
 * Owns: that a revoked key is refused before anything else is asked, and that
 * every key is while a file cannot be read.
 * Must not know: the forms of such a file (`keys/revocation/`), which keys are known.
 * Source: ssh_config(5), RevokedHostKeys.
 */
import { resolve } from 'node:path';
import { SshError } from '../../base/errors.ts';
import { reasonOf, shortageIn } from '../../base/shortage.ts';
import { shownHost } from '../../client/dial/hostName.ts';
import type { HostKeyInfo, HostKeyPolicy } from '../../client/hostKeys/hostKeys.ts';
import { lateCode } from '../../endpoint/lateCode.ts';
import type { RevokedKeys, RevokedPart } from '../../keys/revocation/revokedKeys.ts';
import { inSlices } from '../slices.ts';
import { openGently, readRegularFile } from './regularFile.ts';

/** Bytes of a file: some 200,000 keys. */
const longestFile = 16 * 1024 * 1024;
/** Files that are kept. */
const keptFiles = 16;

/** By path: what was read last. A file may change without a sign of it, so its bytes are compared. */
const kept = new Map<string, { readonly bytes: Buffer; readonly keys: RevokedKeys }>();

/** The policy for keys that none of the files revokes. */
export function withoutRevoked(policy: HostKeyPolicy, files: readonly string[]): HostKeyPolicy {
  const { rotation } = policy;
  return {
    ...policy,
    verify: async (info, dial) => {
      for (const file of files) checkRevocation(await readRevokedKeys(file), info, file);
      return policy.verify(info, dial);
    },
    ...(rotation === undefined
      ? {}
      : {
          rotation: {
            ...rotation,
            unknown: async (info, announced) => {
              const unknown = await rotation.unknown(info, announced);
              const lists = await Promise.all(files.map(readRevokedKeys));
              return unknown?.filter((key) => lists.every((list) => list.revocation(key) === undefined));
            },
          },
        }),
  };
}

/** @throws SshError `ERR_SSH_HOST_KEY_REVOKED` */
function checkRevocation(keys: RevokedKeys, info: HostKeyInfo, file: string): void {
  const part = keys.revocation(info.certificate ?? info.blob);
  if (part === undefined) return;
  throw new SshError(
    'ERR_SSH_HOST_KEY_REVOKED',
    `${wordsOf(part, info)} of ${shownHost(info)} (${info.type} ${info.fingerprint}) is revoked by ${file}`,
    { phase: 'keyExchange', origin: 'peer' },
  );
}

function wordsOf(part: RevokedPart, { certificate }: HostKeyInfo): string {
  if (part === 'authority') return 'the authority that signed the host certificate';
  if (part === 'certificate') return 'the host certificate';
  return certificate === undefined ? 'the host key' : 'the key in the host certificate';
}

/** @throws SshError `ERR_SSH_OPTIONS` for a file that is not there, cannot be read or is damaged */
async function readRevokedKeys(file: string): Promise<RevokedKeys> {
  try {
    return await read(file);
  } catch (error) {
    const reason = error instanceof SshError ? `: ${error.message}` : reasonOf(error);
    throw new SshError(
      'ERR_SSH_OPTIONS',
      `no host key is accepted while the file of revoked keys ${file} cannot be read${reason}`,
      {
        phase: 'options',
        origin: shortageIn(error) === undefined ? 'user' : 'local',
        cause: error,
      },
    );
  }
}

async function read(file: string): Promise<RevokedKeys> {
  const { RevokedKeys } = await lateCode(
    'revoked keys',
    () => import('../../keys/revocation/revokedKeys.ts'),
  );
  const path = resolve(file);
  if (path === '/dev/null') return RevokedKeys.parse('');
  const now = await readRegularFile(path, openGently, longestFile);
  if (now === undefined) throw new Error('there is no such file');
  const { version, bytes } = now;
  if (!version.isFile) throw new Error('it is not a regular file');
  const before = kept.get(path);
  if (before?.bytes.equals(bytes) === true) return before.keys;
  const keys = await inSlices(RevokedKeys.parseInSteps(bytes));
  kept.delete(path);
  kept.set(path, { bytes, keys });
  for (const oldest of kept.keys()) {
    if (kept.size <= keptFiles) break;
    kept.delete(oldest);
  }
  return keys;
}
