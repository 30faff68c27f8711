/**
 * Another passphrase, another format, another comment.
 *
 * Owns: what is asked for, and that the key stays the same key.
 * Must not know: formats, how files are replaced.
 */

import { optionsError } from '../../base/optionChecks.ts';
import type { PrivateKeyFile } from '../../crypto/keys/privateKey.ts';
import { formatPrivateKey } from '../../keys/privateKey/formatPrivateKey.ts';
import { describePrivateKey } from '../../keys/privateKey/privateKeyFile.ts';
import { formatPublicKey } from '../../keys/publicKeyFile.ts';
import { systemRandomBytes } from '../../node/crypto/random.ts';
import { versionOf } from '../../node/knownHosts/regularFile.ts';
import type { KeygenContext } from './context.ts';
import { newPassphrase, openPrivateKey, readKeyFile, replaceFile, writeNewFile } from './keyFiles.ts';
import type { KeygenArguments } from './keygenArguments.ts';
import { namedKey } from './namedKey.ts';
import { privateFormat } from './privateFormat.ts';

/** `-p` */
export async function changePassphrase(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const path = await namedKey(args, context);
  const file = await openPrivateKey(path, await readKeyFile(path), context, { given: args.value('P') });
  const passphrase = args.value('N') ?? (await newPassphrase(context));
  await replaceFile(path, written(file, file.comment, passphrase, args));
  context.print('Your identification has been saved with the new passphrase.\n');
  return 0;
}

/** `-c` */
export async function changeComment(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const path = await namedKey(args, context);
  const bytes = await readKeyFile(path);
  if (describePrivateKey(bytes).format !== 'openssh') {
    throw optionsError(`${path}: only OpenSSH's format keeps a comment; -p -m OpenSSH converts the key`);
  }
  const opened: { passphrase: string } = { passphrase: args.value('P') ?? '' };
  const { person } = context;
  // What opens the key closes it again.
  const listening =
    person === undefined
      ? undefined
      : {
          ask: person.ask.bind(person),
          show: person.show.bind(person),
          columns: person.columns,
          askSecretly: async (prompt: string) => {
            const typed = await person.askSecretly(prompt);
            opened.passphrase = typed ?? '';
            return typed;
          },
        };
  const file = await openPrivateKey(
    path,
    bytes,
    { ...context, person: listening },
    { given: args.value('P') },
  );
  const comment = args.value('C') ?? (await askComment(file, context));
  const isEncrypted = describePrivateKey(bytes).encrypted;
  await replaceFile(path, written(file, comment, isEncrypted ? opened.passphrase : '', args));
  const line = formatPublicKey(file.publicKey, { comment });
  if ((await versionOf(`${path}.pub`)) === undefined) await writeNewFile(`${path}.pub`, line, 0o644);
  else await replaceFile(`${path}.pub`, line);
  const was = file.comment === '' ? 'no comment' : `"${file.comment}"`;
  context.print(`Old comment: ${was}\nComment changed to "${comment}"\n`);
  return 0;
}

async function askComment({ comment }: PrivateKeyFile, { person }: KeygenContext): Promise<string> {
  const typed = await person?.ask(`The comment is "${comment}".\nEnter new comment: `);
  if (typed === undefined) throw optionsError('give the comment with -C');
  return typed;
}

function written(
  { privateKey }: PrivateKeyFile,
  comment: string,
  passphrase: string,
  args: KeygenArguments,
): string {
  return formatPrivateKey(privateKey, {
    ...privateFormat(args, privateKey.type),
    comment,
    passphrase: passphrase === '' ? undefined : passphrase,
    randomBytes: systemRandomBytes,
  });
}
