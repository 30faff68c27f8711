/**
 * Writing private keys in the format of OpenSSH, plain and encrypted.
 *
 * Owns: the envelope and the private section of PROTOCOL.key (OpenSSH) as they are written.
 * Must not know: other formats, where randomness comes from.
 */
import { wipe } from '../../base/bytes.ts';
import type { PrivateKey } from '../../crypto/keys/privateKey.ts';
import { encodePublicKey } from '../../crypto/keys/publicKey.ts';
import { WireWriter } from '../../wire/writer.ts';
import { bcryptPbkdf } from '../derivation/bcrypt.ts';
import { encodePem } from '../pem/pem.ts';
import { opensshLabel, opensshMagic, plainBlockSize, writePrivateKey } from './opensshKey.ts';
import type { SshFileCipherName } from './sshCiphers.ts';
import { sshFileCiphers } from './sshCiphers.ts';

/** How to write a key in this format. */
export interface OpensshFormat {
  readonly comment: string;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Undefined: not encrypted. */
  readonly encryption:
    | { readonly passphrase: Uint8Array; readonly cipher: SshFileCipherName; readonly rounds: number }
    | undefined;
}

/** The armoured file. Each `next()` does some milliseconds of key derivation. */
export function* formatOpensshKey(key: PrivateKey, format: OpensshFormat): Generator<void, string> {
  const { encryption } = format;
  const cipher = encryption === undefined ? undefined : sshFileCiphers[encryption.cipher];
  const section = writeSection(key, format, cipher?.blockSize ?? plainBlockSize);
  const writer = new WireWriter().bytes(opensshMagic);
  if (encryption === undefined || cipher === undefined) {
    writer
      .text('none')
      .text('none')
      .text('')
      .uint32(1)
      .string(encodePublicKey(key.publicKey))
      .string(section);
    return encodePem(opensshLabel, writer.viewWritten(), { width: 70 });
  }
  const salt = format.randomBytes(16);
  const { passphrase, rounds } = encryption;
  const derived = yield* bcryptPbkdf(passphrase, salt, rounds, cipher.keyLength + cipher.ivLength);
  const sealed = cipher.encrypt(
    derived.subarray(0, cipher.keyLength),
    derived.subarray(cipher.keyLength),
    section,
  );
  wipe(derived, section);
  const tagStart = sealed.length - cipher.tagLength;
  writer.text(encryption.cipher).text('bcrypt');
  writer.string(new WireWriter().string(salt).uint32(rounds).viewWritten());
  writer.uint32(1).string(encodePublicKey(key.publicKey));
  writer.string(sealed.subarray(0, tagStart)).bytes(sealed.subarray(tagStart));
  return encodePem(opensshLabel, writer.viewWritten(), { width: 70 });
}

function writeSection(key: PrivateKey, format: OpensshFormat, blockSize: number): Uint8Array {
  const check = format.randomBytes(4);
  const writer = new WireWriter(new Uint8Array(4096)).bytes(check).bytes(check).text(key.type);
  writePrivateKey(writer, key);
  writer.text(format.comment);
  for (let i = 1; writer.position % blockSize !== 0; i++) writer.byte(i);
  const section = writer.copyWritten();
  wipe(writer.buffer);
  return section;
}
