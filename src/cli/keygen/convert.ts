/**
 * Keys from and for other programs.
 *
 * Owns: `-e`, `-i` and their formats.
 * Must not know: how a format is written.
 */
import { createPublicKey } from 'node:crypto';
import { hostname } from 'node:os';
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import { hasSsh2Block } from '../../keys/pem/rfc4716.ts';
import { formatPrivateKey } from '../../keys/privateKey/formatPrivateKey.ts';
import { formatPublicKey, parsePublicKey } from '../../keys/publicKeyFile.ts';
import { systemRandomBytes } from '../../node/crypto/random.ts';
import { nodePlatform } from '../../node/platform.ts';
import type { KeygenContext } from './context.ts';
import { bitsOf, shortName } from './fingerprints.ts';
import { about, openPrivateKey, readKeyFile, shown } from './keyFiles.ts';
import type { KeygenArguments } from './keygenArguments.ts';
import { namedKey } from './namedKey.ts';
import { onlyPublicKeyIn } from './publicKeys.ts';

type PublicFormat = 'rfc4716' | 'pkcs8' | 'pem';

/** `-e`: the public key in a format of others. */
export async function exportKey(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const format = publicFormat(args);
  const { publicKey } = await onlyPublicKeyIn(await namedKey(args, context), context);
  context.print(exported(publicKey, format));
  return 0;
}

function exported(key: PublicKey, format: PublicFormat): string {
  if (format === 'rfc4716') {
    const by = `${nodePlatform.localUser() ?? 'user'}@${hostname()}`;
    const comment = `${bitsOf(key)}-bit ${shortName(key)}, converted by ${by} from OpenSSH`;
    return formatPublicKey(key, { format: 'rfc4716', comment });
  }
  const spki = formatPublicKey(key, { format: 'pem' });
  if (format === 'pkcs8' || key.type !== 'ssh-rsa') return spki;
  return createPublicKey(spki).export({ type: 'pkcs1', format: 'pem' }).toString();
}

/** `-i`: a public key as OpenSSH writes it, or a private one, such as PuTTY's or ssh.com's. */
export async function importKey(args: KeygenArguments, context: KeygenContext): Promise<number> {
  publicFormat(args);
  const path = await namedKey(args, context);
  const bytes = await readKeyFile(path);
  const text = Buffer.from(bytes).toString('latin1');
  const isSshCom = hasSsh2Block(text, 'ENCRYPTED PRIVATE KEY');
  if (isSshCom || /^(-----BEGIN .*PRIVATE KEY-----|PuTTY-User-Key-File)/m.test(text)) {
    const { privateKey, comment } = await openPrivateKey(path, bytes, context, { given: args.value('P') });
    const passphrase = args.value('N') ?? '';
    context.print(
      formatPrivateKey(privateKey, {
        // As ssh-keygen writes these.
        format: isSshCom ? 'pem' : 'openssh',
        comment,
        passphrase: passphrase === '' ? undefined : passphrase,
        randomBytes: systemRandomBytes,
      }),
    );
    return 0;
  }
  context.print(formatPublicKey(about(path, () => parsePublicKey(bytes, shown)).publicKey));
  return 0;
}

function publicFormat(args: KeygenArguments): PublicFormat {
  const name = (args.value('m') ?? 'rfc4716').toLowerCase();
  if (name === 'rfc4716' || name === 'pkcs8' || name === 'pem') return name;
  throw optionsError(`-m ${quotedText(name)}: there are RFC4716, PKCS8 and PEM`);
}
