/**
 * The format of a private key that is written.
 *
 * Owns: `-m`, `-Z` and `-a`, as ssh-keygen has them.
 * Must not know: files.
 */
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import { isSshFileCipher } from '../../keys/openssh/sshCiphers.ts';
import type { FormatPrivateKeyOptions } from '../../keys/privateKey/formatPrivateKey.ts';
import type { KeygenArguments } from './keygenArguments.ts';

const formats: Readonly<Record<string, FormatPrivateKeyOptions['format']>> = {
  openssh: 'openssh',
  // The format of public keys that is the usual one there.
  rfc4716: 'openssh',
  pkcs8: 'pkcs8',
  pem: 'pem',
};

/** @throws SshError `ERR_SSH_OPTIONS` */
export function privateFormat(
  args: KeygenArguments,
  type: PublicKey['type'],
): Pick<FormatPrivateKeyOptions, 'format' | 'cipher' | 'rounds'> {
  const name = args.value('m') ?? 'openssh';
  const format = formats[name.toLowerCase()];
  if (format === undefined) throw optionsError(`-m ${quotedText(name)}: there are OpenSSH, PKCS8 and PEM`);
  // Ed25519 has no older format, and ssh-keygen writes its own.
  if (type === 'ssh-ed25519' && format === 'pem') return { format: 'openssh' };
  const [cipher, rounds] = [args.value('Z'), args.value('a')];
  if (cipher !== undefined && !isSshFileCipher(cipher))
    throw optionsError(`-Z ${quotedText(cipher)} is not a cipher of key files`);
  if (rounds !== undefined && !/^[1-9]\d{0,6}$/.test(rounds))
    throw optionsError(`-a ${quotedText(rounds)} is not a number of rounds`);
  if (format !== 'openssh') return { format };
  return {
    format,
    ...(cipher === undefined ? {} : { cipher }),
    ...(rounds === undefined ? {} : { rounds: Number(rounds) }),
  };
}
