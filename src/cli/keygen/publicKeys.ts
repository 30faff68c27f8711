/**
 * The public keys in a file of any kind: a key's own, a certificate, a list such
 * as authorized_keys or known_hosts, or the public half of a private key.
 *
 * Owns: how they are found, with their comments.
 * Must not know: what is done with them.
 */
import { SshError } from '../../base/errors.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import { parseCertificate } from '../../keys/openssh/certificateFile.ts';
import { parsePrivateKey } from '../../keys/privateKey/parsePrivateKey.ts';
import { describePrivateKey } from '../../keys/privateKey/privateKeyFile.ts';
import { parsePublicKey } from '../../keys/publicKeyFile.ts';
import { versionOf } from '../../node/knownHosts/regularFile.ts';
import type { KeygenContext } from './context.ts';
import { about, openPrivateKey, readKeyFile, shown } from './keyFiles.ts';

export interface FoundKey {
  readonly publicKey: PublicKey;
  readonly comment: string;
  /** It is the key of a certificate. */
  readonly isCertified: boolean;
}

/** @throws SshError where there is none */
export async function publicKeysIn(path: string, context: KeygenContext): Promise<readonly FoundKey[]> {
  const bytes = await readKeyFile(path);
  const text = Buffer.from(bytes).toString('latin1');
  if (/^(-----BEGIN .*PRIVATE KEY-----|PuTTY-User-Key-File)/m.test(text)) {
    return [await halfOf(path, bytes, context)];
  }
  if (/^(-----BEGIN|---- BEGIN)/m.test(text)) {
    const { publicKey, comment } = about(path, () => parsePublicKey(bytes, shown));
    return [{ publicKey, comment, isCertified: false }];
  }
  const lines = Buffer.from(bytes)
    .toString('utf8')
    .split(/\r?\n/)
    .filter((line) => /^[ \t]*[^# \t]/.test(line));
  const found = lines.flatMap((line) => keyOf(line) ?? []);
  // What cannot be read at all says why.
  if (found.length === 0) about(path, () => parsePublicKey(bytes, shown));
  return found;
}

/** One public key. @throws SshError where there is none or several */
export async function onlyPublicKeyIn(path: string, context: KeygenContext): Promise<FoundKey> {
  const [found, ...more] = await publicKeysIn(path, context);
  if (found !== undefined && more.length === 0) return found;
  return about(path, () => {
    throw new SshError('ERR_SSH_KEY_FORMAT', 'it holds several keys, where one is wanted', {
      origin: 'user',
    });
  });
}

/** The file beside a private key tells what the key itself hides. */
async function halfOf(path: string, bytes: Uint8Array, context: KeygenContext): Promise<FoundKey> {
  const { encrypted, format } = about(path, () => describePrivateKey(bytes));
  if (!encrypted && format === 'openssh') {
    const { publicKey, comment } = about(path, () => parsePrivateKey(bytes, shown));
    return { publicKey, comment, isCertified: false };
  }
  if ((await versionOf(`${path}.pub`)) !== undefined) {
    const [beside] = await publicKeysIn(`${path}.pub`, context);
    if (beside !== undefined) return beside;
  }
  const described = about(path, () => describePrivateKey(bytes)).publicKey;
  if (described !== undefined) return { publicKey: described, comment: '', isCertified: false };
  const { publicKey, comment } = await openPrivateKey(path, bytes, context);
  return { publicKey, comment, isCertified: false };
}

/** Behind options, or behind the hosts of known_hosts with their marker. */
function keyOf(line: string): FoundKey | undefined {
  const withoutHosts = line.replace(/^[ \t]*(@\S+[ \t]+)?\S+[ \t]+/, '');
  for (const text of [line, withoutHosts]) {
    try {
      return { ...parsePublicKey(text, shown), isCertified: false };
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
    }
    try {
      const { certificate, comment } = parseCertificate(text);
      return { publicKey: certificate.publicKey, comment, isCertified: true };
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
    }
  }
  return undefined;
}
