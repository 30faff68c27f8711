/**
 * Public key files of every format, and the blobs in them.
 *
 * Owns: that what is read can be written in every format and read again, that a
 * blob has one meaning.
 * Must not know: engines.
 */
import { decodePublicKey, decodeSignature, encodePublicKey } from '../../../src/crypto/keys/publicKey.ts';
import { fingerprint, randomArt } from '../../../src/keys/fingerprint.ts';
import { formatPublicKey, parseAuthorizedKeys, parsePublicKey } from '../../../src/keys/publicKeyFile.ts';
import { keyFiles } from '../corpus.ts';
import { attempt, type FuzzTarget, fine, fingerprintOf, law, type Verdict } from '../target.ts';

const codes: ReadonlySet<string | undefined> = new Set(['ERR_SSH_KEY_FORMAT', 'ERR_SSH_KEY_UNSUPPORTED']);

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const lines = attempt(() => parseAuthorizedKeys(data));
  if ('value' in lines) {
    const { entries, malformed } = lines.value;
    law(entries.length + malformed.length <= data.length + 1, 'more lines than bytes');
  }
  attempt(() => decodeSignature(data));
  const blob = attempt(() => decodePublicKey(data));
  if ('value' in blob) law(Buffer.compare(encodePublicKey(blob.value), data) === 0, 'a blob of another key');
  const file = attempt(() => parsePublicKey(data));
  if ('verdict' in file) {
    law(codes.has(file.verdict.code), `${file.verdict.code} from a public key`);
    return file.verdict;
  }
  const { publicKey, comment } = file.value;
  for (const format of ['openssh', 'rfc4716', 'pem'] as const) {
    const text = attempt(() => formatPublicKey(publicKey, { format, comment }));
    if ('verdict' in text) {
      law(text.verdict.code === 'ERR_SSH_OPTIONS', 'a key that is read and cannot be written');
      continue;
    }
    const read = parsePublicKey(text.value);
    law(fingerprintOf(read.publicKey) === fingerprintOf(publicKey), `another key when written as ${format}`);
  }
  law(/^SHA256:[\w+/]{43}$/.test(fingerprint(publicKey, 'sha256')), 'a fingerprint of another form');
  law(randomArt(publicKey).split('\n').length >= 11, 'art of another size');
  return fine;
}

export const publicKeys: FuzzTarget = {
  name: 'publicKeys',
  shape: 'text',
  examine,
  seeds: () => keyFiles(/\.pub$|^public\//),
  dictionary: [
    '---- BEGIN SSH2 PUBLIC KEY ----',
    '---- END SSH2 PUBLIC KEY ----',
    '-----BEGIN PUBLIC KEY-----',
    '-----BEGIN RSA PUBLIC KEY-----',
    'Comment: "a"',
    'ssh-ed25519',
    'ssh-rsa',
    'ssh-ed25519-cert-v01@openssh.com',
    'ecdsa-sha2-nistp256',
    'nistp521',
    'command="a\\"b",no-pty',
    'from="*"',
    'restrict',
  ],
  stepBudget: 100_000_000,
};
