/**
 * The readers of private keys that are encrypted or have a MAC.
 *
 * Owns: their list, in a module of its own: it brings ciphers and key derivation
 * along, which the reader of a plain key need not load.
 * Must not know: how a file is recognized.
 */

import { parseEncryptedOpensshKey } from '../openssh/opensshEncryptedKey.ts';
import { decryptOldPem } from '../pem/oldPemEncryption.ts';
import { decryptPkcs8 } from '../pem/pbes2.ts';
import { parsePpk } from '../putty/ppkKey.ts';
import type { ProtectedFormats } from './privateKeyFile.ts';

export const protectedFormats: ProtectedFormats = {
  openssh: parseEncryptedOpensshKey,
  putty: parsePpk,
  pkcs8: decryptPkcs8,
  oldPem: decryptOldPem,
};
