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
import { asKeyError, keyFormatError, keyUnsupportedError, quoted } from '../errors.ts';
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
  const { number, type, cipher, content } = fieldsOf(block.blob);
  if (number !== magic) throw keyFormatError(`${fileName} is damaged: it begins with another number`);
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
  return { ...block, content };
}

/** @throws SshError `ERR_SSH_KEY_FORMAT` */
function fieldsOf(blob: Uint8Array): { number: number; type: string; cipher: string; content: Uint8Array } {
  try {
    const reader = new WireReader(blob);
    const number = reader.uint32();
    // The length of all of it, which the parts say again.
    reader.uint32();
    return { number, type: reader.text(), cipher: reader.text(), content: reader.viewString() };
  } catch (error) {
    throw asKeyError(error, fileName);
  }
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
