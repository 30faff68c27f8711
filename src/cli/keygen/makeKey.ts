/**
 * New keys.
 *
 * Owns: the names of types, where a key goes, and that no file is written over
 * unasked.
 * Must not know: how a key is made (`keys/`).
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import type { PrivateKey, RsaPrivateKey } from '../../crypto/keys/privateKey.ts';
import { fingerprint, randomArt } from '../../keys/fingerprint.ts';
import { type GeneratedKeyType, generateKey } from '../../keys/generation/generateKey.ts';
import { formatPrivateKey } from '../../keys/privateKey/formatPrivateKey.ts';
import { parsePrivateKey } from '../../keys/privateKey/parsePrivateKey.ts';
import { formatPublicKey } from '../../keys/publicKeyFile.ts';
import { systemRandomBytes } from '../../node/crypto/random.ts';
import { homeFolder } from '../../node/homeFolder.ts';
import { versionOf } from '../../node/knownHosts/regularFile.ts';
import { nodePlatform } from '../../node/platform.ts';
import type { KeygenContext } from './context.ts';
import { fingerprintHash } from './fingerprints.ts';
import { newPassphrase, writeKeyFile } from './keyFiles.ts';
import type { KeygenArguments } from './keygenArguments.ts';
import { privateFormat } from './privateFormat.ts';

interface WantedKey {
  readonly type: GeneratedKeyType;
  readonly bits: number | undefined;
}

const types: Readonly<Record<string, WantedKey>> = {
  ed25519: { type: 'ed25519', bits: undefined },
  'ssh-ed25519': { type: 'ed25519', bits: undefined },
  rsa: { type: 'rsa', bits: undefined },
  'ssh-rsa': { type: 'rsa', bits: undefined },
  ecdsa: { type: 'ecdsa', bits: undefined },
  'ecdsa-sha2-nistp256': { type: 'ecdsa', bits: 256 },
  'ecdsa-sha2-nistp384': { type: 'ecdsa', bits: 384 },
  'ecdsa-sha2-nistp521': { type: 'ecdsa', bits: 521 },
};

export async function makeKey(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const wanted = wantedKey(args);
  const say = (line: string): void => {
    if (!args.quiet) context.print(`${line}\n`);
  };
  say(`Generating public/private ${wanted.type} key pair.`);
  const path = await pathFor(args, wanted, context);
  if (!(await mayWrite(path, context))) return 1;
  await checkFolder(dirname(path));
  const passphrase = args.value('N') ?? (await newPassphrase(context));
  const comment = args.value('C') ?? `${nodePlatform.localUser() ?? 'user'}@${hostname()}`;
  const key = generated(wanted);
  const text = formatPrivateKey(key, {
    ...privateFormat(args, key.type),
    comment,
    passphrase: passphrase === '' ? undefined : passphrase,
    randomBytes: systemRandomBytes,
  });
  await writeKeyFile(path, text, 0o600);
  await writeKeyFile(`${path}.pub`, formatPublicKey(key.publicKey, { comment }), 0o644);
  say(`Your identification has been saved in ${path}`);
  say(`Your public key has been saved in ${path}.pub`);
  const hash = fingerprintHash(args);
  say(`The key fingerprint is:\n${fingerprint(key.publicKey, hash)} ${comment}`);
  say(`The key's randomart image is:\n${randomArt(key.publicKey, hash)}`);
  return 0;
}

function wantedKey(args: KeygenArguments): WantedKey {
  const name = args.value('t') ?? 'ed25519';
  const wanted = Object.hasOwn(types, name.toLowerCase()) ? types[name.toLowerCase()] : undefined;
  if (wanted === undefined) throw optionsError(`-t ${quotedText(name)}: there are ed25519, ecdsa and rsa`);
  const given = args.value('b');
  if (given === undefined) return wanted;
  if (!/^\d{1,5}$/.test(given)) throw optionsError(`-b ${quotedText(given)} is not a number of bits`);
  // As with ssh-keygen, a key whose size is fixed has that size.
  return wanted.type === 'ed25519' || wanted.bits !== undefined ? wanted : { ...wanted, bits: Number(given) };
}

/** OpenSSL makes a key of 3,072 bits in a tenth of a second, where TypeScript takes several. */
function generated({ type, bits }: WantedKey): PrivateKey {
  return generateKey(type, {
    ...(bits === undefined ? {} : { bits }),
    randomBytes: systemRandomBytes,
    generateRsa: (length) => {
      const { privateKey } = generateKeyPairSync('rsa', {
        modulusLength: length,
        publicExponent: 0x10001,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
      });
      return parsePrivateKey(privateKey).privateKey as RsaPrivateKey;
    },
  });
}

async function pathFor(
  args: KeygenArguments,
  { type }: WantedKey,
  { person }: KeygenContext,
): Promise<string> {
  const given = args.value('f');
  if (given !== undefined) return given;
  const home = homeFolder();
  if (home === undefined) throw optionsError('there is no home folder to keep a key in; name a file with -f');
  const usual = join(home, '.ssh', `id_${type}`);
  if (person === undefined)
    throw optionsError('there is nobody to ask where the key goes; name a file with -f');
  const typed = await person.ask(`Enter file in which to save the key (${usual}): `);
  if (typed === undefined) throw optionsError('no file was chosen; nothing was made');
  return typed === '' ? usual : typed;
}

/** A key that is there may be the only way to a machine. */
async function mayWrite(path: string, { person }: KeygenContext): Promise<boolean> {
  if ((await versionOf(path)) === undefined) return true;
  if (person === undefined) throw optionsError(`${path} already exists, and is left as it is`);
  const answer = await person.ask(`${path} already exists.\nOverwrite (y/n)? `);
  return answer?.trim().toLowerCase().startsWith('y') === true;
}

/** The folder of keys is made where it is missing; any other is a mistake more often than a wish. */
async function checkFolder(folder: string): Promise<void> {
  const home = homeFolder();
  if (home !== undefined && resolve(folder) === join(home, '.ssh'))
    await mkdir(folder, { recursive: true, mode: 0o700 });
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw optionsError(`${folder} is not a folder; make it first`);
}
