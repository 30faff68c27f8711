/**
 * `deadline-ssh keygen`: keys, known_hosts and signatures.
 *
 * Owns: which task is whose, and its exit status.
 * Must not know: how any task is done.
 */
import { SshError } from '../../base/errors.ts';
import { findPerson } from '../connection/findPerson.ts';
import { messageOf } from '../errorWords.ts';
import { failureStatus } from '../exitStatus.ts';
import { Interruption } from '../interruption.ts';
import { Messages } from '../messages.ts';
import { showCertificate } from './certificateText.ts';
import { changeComment, changePassphrase } from './changeKey.ts';
import type { KeygenContext } from './context.ts';
import { exportKey, importKey } from './convert.ts';
import { showBubbleBabble, showFingerprints, showSshfp } from './fingerprints.ts';
import { findHost, hashHosts, removeHost } from './hosts.ts';
import { type KeygenArguments, keygenHelp, parseKeygenArguments } from './keygenArguments.ts';
import { makeKey } from './makeKey.ts';
import { showPublicKey } from './showKey.ts';
import { checkSignature, findPrincipals, matchPrincipals, signFiles, verifySignature } from './signatures.ts';

/** @returns the exit status; `argv` is what stands behind the name */
export async function run(argv: readonly string[]): Promise<number> {
  const messages = new Messages(process.stderr);
  const interruption = new Interruption();
  const stopWatching = interruption.watch();
  const person = findPerson(() => interruption.interrupt('SIGINT'));
  const print = (text: string): void => void process.stdout.write(text);
  try {
    const args = parseKeygenArguments(argv);
    if (args === 'help') {
      print(keygenHelp);
      return 0;
    }
    return await carryOut(args, { person, messages, print, signal: interruption.signal });
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    if (interruption.status === undefined) messages.say(messageOf(error));
    return interruption.status ?? failureStatus;
  } finally {
    person?.close();
    stopWatching();
  }
}

function carryOut(args: KeygenArguments, context: KeygenContext): Promise<number> {
  switch (args.task) {
    case 'make':
      return makeKey(args, context);
    case 'show':
      return showPublicKey(args, context);
    case 'passphrase':
      return changePassphrase(args, context);
    case 'comment':
      return changeComment(args, context);
    case 'fingerprint':
      return showFingerprints(args, context);
    case 'bubbleBabble':
      return showBubbleBabble(args, context);
    case 'export':
      return exportKey(args, context);
    case 'import':
      return importKey(args, context);
    case 'find':
      return findHost(args, context);
    case 'remove':
      return removeHost(args, context);
    case 'hash':
      return hashHosts(args, context);
    case 'certificate':
      return showCertificate(args, context);
    case 'sshfp':
      return showSshfp(args, context);
    case 'sign':
      return signFiles(args, context);
    case 'verify':
      return verifySignature(args, context);
    case 'check-novalidate':
      return checkSignature(args, context);
    case 'find-principals':
      return findPrincipals(args, context);
    case 'match-principals':
      return matchPrincipals(args, context);
    default:
      return args.task satisfies never;
  }
}
