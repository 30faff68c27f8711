/**
 * Private key files of every format, plain and encrypted.
 *
 * Owns: that both ways to compute agree, that what is read can be written and
 * read again, that a description never says other than the file.
 * Must not know: engines.
 */

import { runSteps } from '../../../src/keys/derivation/steps.ts';
import { nobleArithmetic } from '../../../src/keys/nobleArithmetic.ts';
import { formatPrivateKey } from '../../../src/keys/privateKey/formatPrivateKey.ts';
import { parsePrivateKey } from '../../../src/keys/privateKey/parsePrivateKey.ts';
import { describePrivateKey, privateKeySteps } from '../../../src/keys/privateKey/privateKeyFile.ts';
import { protectedFormats } from '../../../src/keys/privateKey/protectedFormats.ts';
import { passphrase } from '../../keys/fixtures.ts';
import { opensslArithmetic } from '../../keys/opensslArithmetic.ts';
import { seededBytes } from '../../sim/random.ts';
import { keyFiles, withFirst } from '../corpus.ts';
import { attempt, type FuzzTarget, fine, fingerprintOf, law, type Verdict } from '../target.ts';

const codes: ReadonlySet<string | undefined> = new Set([
  'ERR_SSH_KEY_FORMAT',
  'ERR_SSH_KEY_PASSPHRASE',
  'ERR_SSH_KEY_UNSUPPORTED',
]);

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const bytes = data.slice(1);
  const flags = data[0] ?? 0;
  const options = {
    passphrase: flags % 2 === 1 ? passphrase : undefined,
    // What a file may ask for takes seconds by design: that is no finding.
    limits: { bcryptRounds: 4, pbkdf2Iterations: 4096, scryptWork: 2048, argon2Work: 1024 },
  };
  const description = attempt(() => describePrivateKey(bytes));
  const file = attempt(() =>
    runSteps(privateKeySteps(bytes, options, { arithmetic: opensslArithmetic, formats: protectedFormats })),
  );
  if ('verdict' in description) {
    law(codes.has(description.verdict.code), `${description.verdict.code} from a description`);
  }
  if ('verdict' in file) {
    law(codes.has(file.verdict.code), `${file.verdict.code} from a key file`);
    return file.verdict;
  }
  law('value' in description, 'a key that is read and cannot be described');
  const { publicKey } = description.value;
  if (publicKey !== undefined) {
    law(
      fingerprintOf(publicKey) === fingerprintOf(file.value.publicKey),
      'described with another public key',
    );
  }
  const { privateKey } = file.value;
  if (flags % 8 >= 6) {
    const again = runSteps(
      privateKeySteps(bytes, options, { arithmetic: nobleArithmetic, formats: protectedFormats }),
    );
    law(fingerprintOf(again) === fingerprintOf(file.value), 'the two providers read another key');
  }
  for (const format of ['openssh', 'pkcs8'] as const) {
    const text = formatPrivateKey(privateKey, { format, randomBytes: seededBytes(1) });
    const read = parsePrivateKey(text).privateKey;
    law(fingerprintOf(read) === fingerprintOf(privateKey), `another key when written as ${format}`);
  }
  return fine;
}

export const privateKeys: FuzzTarget = {
  name: 'privateKeys',
  shape: 'text',
  examine,
  seeds: () => [
    ...keyFiles(/^(?:ed25519|ecdsa256|ecdsa521|ed25519-openssl)\/(?!.*(?:\.pub|16-rounds))/).map(
      (file, index) => withFirst((index % 8) | 1, file),
    ),
    ...keyFiles(/^rsa\/(?:openssh|pkcs1\.pem|pkcs8\.pem|pkcs8-scrypt.*|pkcs8-PBE.*|putty-3\.ppk)$/).map(
      (file) => withFirst(1, file),
    ),
    ...keyFiles(/^foreign\/(?!.*pub)/).map((file) => withFirst(0, file)),
  ],
  dictionary: [
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    '-----BEGIN EC PRIVATE KEY-----',
    '-----BEGIN RSA PRIVATE KEY-----',
    '-----BEGIN PRIVATE KEY-----',
    'PuTTY-User-Key-File-3: ssh-ed25519',
    'Public-Lines: 2',
    'Private-Lines: 1',
    'Proc-Type: 4,ENCRYPTED',
    'DEK-Info: AES-128-CBC,',
    'DES-EDE3-CBC',
    'openssh-key-v1',
    'bcrypt',
    'none',
    'aes256-ctr',
    'aes256-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'ssh-ed25519',
    'ssh-rsa',
    'ecdsa-sha2-nistp256',
    'nistp256',
    'Argon2id',
    'Encryption: none',
    'Encryption: aes256-cbc',
  ],
  stepBudget: 500_000_000,
};
