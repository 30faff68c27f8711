/**
 * What a peer sends into the arithmetic: public values, ciphertexts, keys with signatures.
 *
 * Owns: that the two providers give the same answer to everything.
 * Must not know: engines, protocol.
 */
import { dhGroup } from '../../../src/crypto/kex/dhGroups.ts';
import {
  decodePublicKey,
  decodeSignature,
  encodePublicKey,
  encodeSignature,
} from '../../../src/crypto/keys/publicKey.ts';
import type { CryptoProvider, KeyAgreement } from '../../../src/crypto/provider/provider.ts';
import { generateKey } from '../../../src/keys/generation/generateKey.ts';
import { parsePrivateKey } from '../../../src/keys/privateKey/parsePrivateKey.ts';
import { WireReader } from '../../../src/wire/reader.ts';
import { WireWriter } from '../../../src/wire/writer.ts';
import { noble, openssl } from '../../crypto/support.ts';
import { seededBytes } from '../../sim/random.ts';
import { keyFiles, withFirst } from '../corpus.ts';
import { attempt, type FuzzTarget, fine, fingerprintOf, law, type Verdict } from '../target.ts';

/** Key agreements by the input's first byte; what comes behind them is a signature or a ciphertext. */
const agreements: readonly ((provider: CryptoProvider) => KeyAgreement)[] = [
  (provider) => provider.x25519,
  (provider) => provider.ecdh('nistp256'),
  (provider) => provider.ecdh('nistp384'),
  (provider) => provider.ecdh('nistp521'),
  (provider) => provider.dh(dhGroup('group14')),
];
const kem = agreements.length;
const encapsulation = kem + 1;
const choices = 16;

/** Secret keys of this side, the same for both providers. */
const secrets = agreements.map((of) => of(noble).generate().secretKey);
const kemSecret = noble.mlKem768.generate();

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const choice = (data[0] ?? 0) % choices;
  const rest = data.slice(1);
  const answers = [noble, openssl].map((provider) => attempt(() => answer(provider, choice, rest.slice())));
  law(fingerprintOf(answers[0]) === fingerprintOf(answers[1]), 'the two providers answer differently');
  const [first] = answers;
  return first !== undefined && 'verdict' in first ? first.verdict : fine;
}

function answer(provider: CryptoProvider, choice: number, bytes: Uint8Array): unknown {
  const agreement = agreements[choice];
  if (agreement !== undefined) return agreement(provider).sharedSecret(secrets[choice] as Uint8Array, bytes);
  if (choice === kem) return provider.mlKem768.decapsulate(bytes, kemSecret.secretKey);
  // Encapsulation draws randomness: only whether the key is taken can be the same.
  if (choice === encapsulation) return provider.mlKem768.encapsulate(bytes).ciphertext.length;
  const reader = new WireReader(bytes);
  const key = decodePublicKey(reader.copyString(), { rsaMinimumBits: 1024, rsaMaximumBits: 4096 });
  const { algorithm, signature } = decodeSignature(reader.copyString());
  return provider.verify(algorithm, key, reader.copyString(), signature);
}

/** A true signature of each kind of key, a true public value of each agreement. */
function seeds(): readonly Uint8Array[] {
  const text = new Uint8Array(Buffer.from('what was signed'));
  const rsa = parsePrivateKey(keyFiles(/^rsa\/openssh$/)[0] as Uint8Array).privateKey;
  const signed = [
    ['ssh-ed25519', generateKey('ed25519', { randomBytes: seededBytes(1) })],
    ['ecdsa-sha2-nistp256', generateKey('ecdsa', { bits: 256, randomBytes: seededBytes(2) })],
    ['ecdsa-sha2-nistp384', generateKey('ecdsa', { bits: 384, randomBytes: seededBytes(3) })],
    ['ecdsa-sha2-nistp521', generateKey('ecdsa', { bits: 521, randomBytes: seededBytes(4) })],
    ['rsa-sha2-256', rsa],
    ['rsa-sha2-512', rsa],
  ] as const;
  return [
    ...agreements.map((of, index) => withFirst(index, of(noble).generate().publicKey)),
    withFirst(kem, noble.mlKem768.encapsulate(kemSecret.publicKey).ciphertext),
    withFirst(encapsulation, kemSecret.publicKey),
    ...signed.map(([algorithm, key], index) =>
      withFirst(
        encapsulation + 1 + index,
        new WireWriter()
          .string(encodePublicKey(key.publicKey))
          .string(encodeSignature(algorithm, noble.sign(algorithm, key, text)))
          .string(text)
          .copyWritten(),
      ),
    ),
  ];
}

export const crypto: FuzzTarget = {
  name: 'crypto',
  shape: 'wire',
  examine,
  seeds,
  dictionary: [
    'ssh-ed25519',
    'ssh-rsa',
    'rsa-sha2-256',
    'rsa-sha2-512',
    'ecdsa-sha2-nistp256',
    'nistp256',
    'ssh-dss',
  ],
  stepBudget: 500_000_000,
};
