/**
 * Private keys in the format of ssh.com.
 *
 * Owns: RSA keys without a passphrase, which is what `ssh-keygen -i` reads.
 * Must not know: other formats, files on disk.
 * Source: files as puttygen writes them; the format has no published document.
 */
import { wipe } from '../../base/bytes.ts';
import type { PrivateKeyFile } from '../../crypto/keys/privateKey.ts';
import { WireReader } from '../../wire/reader.ts';
import { keyFormatError, keyUnsupportedError, quoted } from '../errors.ts';
import { type KeyContext, rsaPrivateKey } from '../keyValues.ts';
import { decodeSsh2Block, type Ssh2Block } from '../pem/rfc4716.ts';

const magic = 0x3f6ff9eb;
const fileName = 'the ssh.com private key';

interface Envelope extends Ssh2Block {
  /** A length, and the numbers of the key. */
  readonly content: Uint8Array;
}

/**
 * What stands around the numbers.
 *
 * @param text in `latin1` characters
 * @throws SshError `ERR_SSH_KEY_FORMAT`, `ERR_SSH_KEY_UNSUPPORTED` for a passphrase, and for a key that is not RSA
 */
export function readSshCom(text: string): Envelope {
  const block = decodeSsh2Block(text, 'ENCRYPTED PRIVATE KEY');
  const reader = new WireReader(block.blob);
  if (reader.uint32() !== magic)
    throw keyFormatError(`${fileName} is damaged: it begins with another number`);
  // The length of all of it, which the parts say again.
  reader.uint32();
  const [type, cipher] = [reader.text(), reader.text()];
  if (cipher !== 'none') {
    throw keyUnsupportedError(
      `${fileName} has a passphrase (${quoted(cipher)}), which is not supported in this format; convert it with puttygen`,
    );
  }
  if (!type.startsWith('if-modn{')) {
    throw keyUnsupportedError(
      `${fileName} is of type ${quoted(type)}; of this format RSA alone is supported`,
    );
  }
  return { ...block, content: reader.viewString() };
}

/** @throws SshError as `readSshCom`, `ERR_SSH_KEY_FORMAT` for numbers that do not belong together */
export function parseSshCom(text: string, context: KeyContext): PrivateKeyFile {
  const { content, blob, comment } = readSshCom(text);
  try {
    const reader = new WireReader(new WireReader(content).viewString());
    const [exponent, privateExponent, modulus] = [number(reader), number(reader), number(reader)];
    const [coefficient, prime2, prime1] = [number(reader), number(reader), number(reader)];
    reader.end();
    const numbers = { modulus, exponent, privateExponent, prime1, prime2, coefficient };
    const privateKey = rsaPrivateKey(context, numbers);
    return { privateKey, publicKey: privateKey.publicKey, comment };
  } finally {
    wipe(blob);
  }
}

/** A number here begins with its length in bits. */
function number(reader: WireReader): Uint8Array {
  return reader.viewBytes(Math.ceil(reader.uint32() / 8));
}
