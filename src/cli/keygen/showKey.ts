/**
 * The public half of a private key (`-y`).
 *
 * Owns: the line that is printed.
 * Must not know: formats.
 */
import { formatPublicKey } from '../../keys/publicKeyFile.ts';
import type { KeygenContext } from './context.ts';
import { openPrivateKey, readKeyFile } from './keyFiles.ts';
import type { KeygenArguments } from './keygenArguments.ts';
import { namedKey } from './namedKey.ts';

export async function showPublicKey(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const path = await namedKey(args, context);
  const { publicKey, comment } = await openPrivateKey(path, await readKeyFile(path), context, {
    given: args.value('P'),
  });
  context.print(formatPublicKey(publicKey, { comment }));
  return 0;
}
