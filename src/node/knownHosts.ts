/**
 * The known_hosts files of this machine as a host key policy.
 *
 * Owns: which files are read, when, and the errors a person can act on.
 * Must not know: the format of their lines (`keys/`).
 */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { equalBytes } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { HostKeyInfo, HostKeyPolicy } from '../client/hostKeys.ts';
import type { Certificate } from '../crypto/certificate.ts';
import { certificateTitle, checkCertificate } from '../keys/certificateFile.ts';
import { fingerprint as fingerprintOf } from '../keys/fingerprint.ts';
import type { KnownHosts } from '../keys/knownHosts.ts';

const systemFile = '/etc/ssh/ssh_known_hosts';

/**
 * Accepts the host keys in known_hosts files: plain and hashed names, patterns,
 * ports, `@revoked`. Keys that are not there are refused.
 *
 * @param paths of files, all of which are read; `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts` where none is given.
 *   A file that does not exist counts as empty.
 * @throws SshError from the dial: `ERR_SSH_HOST_KEY_UNKNOWN`, `ERR_SSH_HOST_KEY_CHANGED`, `ERR_SSH_HOST_KEY_REVOKED`,
 *   `ERR_SSH_OPTIONS` for a file that cannot be read
 */
export function knownHosts(...paths: readonly string[]): HostKeyPolicy {
  const files = paths.length > 0 ? paths : [join(homedir(), '.ssh', 'known_hosts'), systemFile];
  return {
    verify: async (info) => judge(await readAll(files), info, files),
    keyTypes: async (host, port) => (await readAll(files)).keyTypesFor(host, port),
    wantsCertificate: async (host, port) => (await readAll(files)).certAuthorities(host, port).length > 0,
  };
}

async function readAll(files: readonly string[]): Promise<KnownHosts> {
  const { KnownHosts } = await import('../keys/knownHosts.ts');
  return KnownHosts.merge(
    ...(await Promise.all(files.map(async (file) => KnownHosts.parse(await readText(file), file)))),
  );
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new SshError('ERR_SSH_OPTIONS', `cannot read the known hosts file ${file}`, {
      phase: 'options',
      origin: 'user',
      cause: error,
    });
  }
}

function judge(known: KnownHosts, info: HostKeyInfo, files: readonly string[]): true {
  const { host, port, blob, type, fingerprint } = info;
  const name = port === 22 ? host : `[${host}]:${port}`;
  if (info.certificate !== undefined && isCertified(known, info, info.certificate, name)) return true;
  const lookup = known.lookup(host, port, blob);
  switch (lookup.result) {
    case 'trusted':
      return true;
    case 'unknown':
      throw hostKeyError(
        'ERR_SSH_HOST_KEY_UNKNOWN',
        `the host key of ${name} (${type} ${fingerprint}) is not in ${files.join(' or ')}; check the fingerprint with the server's owner and add the key, or pin it with pinnedHostKey`,
      );
    case 'changed': {
      const where = lookup.entries.map(
        ({ file, line, keyType }) => `${file ?? 'known_hosts'}:${line} (${keyType})`,
      );
      throw hostKeyError(
        'ERR_SSH_HOST_KEY_CHANGED',
        `the host key of ${name} (${type} ${fingerprint}) is not the known one (${where.join(', ')}): either the server was set up anew or somebody is in between`,
      );
    }
    case 'revoked':
      throw hostKeyError(
        'ERR_SSH_HOST_KEY_REVOKED',
        `the host key of ${name} (${type} ${fingerprint}) is marked @revoked (${lookup.entry.file ?? 'known_hosts'}:${lookup.entry.line})`,
      );
    case 'certAuthority':
      throw hostKeyError(
        'ERR_SSH_HOST_KEY_UNKNOWN',
        info.certificate === undefined
          ? `${name} is known by a certificate authority only, and the server showed a plain ${type} key (${fingerprint})`
          : `${name} is known by a certificate authority only, and ${certificateTitle(info.certificate)} that the server showed is signed by another (${fingerprintOf(info.certificate.authorityBlob)})`,
      );
    default:
      return lookup satisfies never;
  }
}

/**
 * Whether an authority that counts for this host signed the certificate. One by
 * a stranger is as good as none: the key in it may be known by itself.
 */
function isCertified(known: KnownHosts, info: HostKeyInfo, certificate: Certificate, name: string): boolean {
  const { host, port, blob } = info;
  const { authorityBlob } = certificate;
  for (const [what, key] of [
    ['the authority that signed the certificate', authorityBlob],
    ['the key in the certificate', blob],
  ] as const) {
    const revoked = known.revocation(host, port, key);
    if (revoked === undefined) continue;
    throw hostKeyError(
      'ERR_SSH_HOST_KEY_REVOKED',
      `${what} of ${name} (${fingerprintOf(key)}) is marked @revoked (${revoked.file ?? 'known_hosts'}:${revoked.line})`,
    );
  }
  if (!known.certAuthorities(host, port).some((entry) => equalBytes(entry.blob, authorityBlob))) return false;
  checkCertificate(certificate, { kind: 'host', principal: host, now: Date.now() / 1000 });
  return true;
}

function hostKeyError(
  code: 'ERR_SSH_HOST_KEY_UNKNOWN' | 'ERR_SSH_HOST_KEY_CHANGED' | 'ERR_SSH_HOST_KEY_REVOKED',
  message: string,
): SshError {
  return new SshError(code, message, { phase: 'keyExchange', origin: 'peer' });
}
