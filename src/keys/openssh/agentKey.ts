/**
 * Private keys as an agent is given them.
 *
 * Owns: the fields of a key and of a key with a certificate.
 * Must not know: messages, agents.
 * Source: draft-ietf-sshm-ssh-agent §4.2; OpenSSH PROTOCOL.certkeys.
 */
import { concatBytes, equalBytes } from '../../base/bytes.ts';
import { decodeCertificate } from '../../crypto/keys/certificate.ts';
import type { PrivateKey } from '../../crypto/keys/privateKey.ts';
import { encodePublicKey } from '../../crypto/keys/publicKey.ts';
import { WireWriter } from '../../wire/writer.ts';
import { keyOptionsError } from '../errors.ts';
import { writePrivateKey } from './opensshKey.ts';

/**
 * Type and numbers, as they stand before the comment.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a certificate of another key
 */
export function agentKeyFields(key: PrivateKey, certificate: Uint8Array | undefined): Uint8Array {
  const writer = new WireWriter();
  if (certificate === undefined) {
    writePrivateKey(writer.text(key.type), key);
    return writer.copyWritten();
  }
  const { type, publicKey } = decodeCertificate(certificate);
  if (!equalBytes(encodePublicKey(publicKey), encodePublicKey(key.publicKey))) {
    throw keyOptionsError('the certificate is for another key');
  }
  writer.text(type).string(certificate);
  switch (key.type) {
    case 'ssh-ed25519':
      writer.string(key.publicKey.point).string(concatBytes(key.seed, key.publicKey.point));
      break;
    case 'ssh-rsa':
      writer.mpint(key.privateExponent).mpint(key.coefficient).mpint(key.prime1).mpint(key.prime2);
      break;
    case 'ssh-ed448':
      throw keyOptionsError('there are no certificates for keys of type ssh-ed448');
    default:
      writer.mpint(key.scalar);
  }
  return writer.copyWritten();
}
