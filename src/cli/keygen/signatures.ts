/**
 * `-Y`: signing files and checking signatures.
 *
 * Owns: where message, key and signature come from, what is printed.
 * Must not know: the form of signatures (`keys/`).
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { defaultTimeouts } from '../../base/timeouts.ts';
import { WaitTable } from '../../base/waits.ts';
import { Agent } from '../../client/agent/agent.ts';
import { AgentLink } from '../../client/agent/agentLink.ts';
import type { Certificate } from '../../crypto/keys/certificate.ts';
import { decodeSignature, encodePublicKey, type PublicKey } from '../../crypto/keys/publicKey.ts';
import { fingerprint } from '../../keys/fingerprint.ts';
import { parseCertificate } from '../../keys/openssh/certificateFile.ts';
import { formatPublicKey, parsePublicKey } from '../../keys/publicKeyFile.ts';
import { RevokedKeys } from '../../keys/revocation/revokedKeys.ts';
import { AllowedSigners } from '../../keys/sshsig/allowedSigners.ts';
import { signingParts } from '../../keys/sshsig/signingParts.ts';
import {
  bytesToSign,
  formatMessageSignature,
  type MessageHash,
  type MessageSignature,
  messageAlgorithm,
  parseMessageSignature,
  type SignedMessage,
  signatureError,
  signMessageWith,
  verifyMessageWith,
} from '../../keys/sshsig/sshsig.ts';
import { parseTimestamp } from '../../keys/sshsig/timestamps.ts';
import { systemRandomBytes } from '../../node/crypto/random.ts';
import { versionOf } from '../../node/knownHosts/regularFile.ts';
import { nodePlatform } from '../../node/platform.ts';
import type { KeygenContext } from './context.ts';
import { fingerprintHash, shortName } from './fingerprints.ts';
import { about, openPrivateKey, readKeyFile, replaceFile, writeNewFile } from './keyFiles.ts';
import type { KeygenArguments } from './keygenArguments.ts';

const parts = signingParts(systemRandomBytes);

type Signer = (message: SignedMessage) => Promise<string>;

/** `-Y sign` */
export async function signFiles(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const namespace = args.needed('n', 'what the signature is for, such as file or git');
  const hash = hashOf(args);
  const sign = await signerFor(args.needed('f', 'the key to sign with'), { namespace, hash }, args, context);
  if (args.words.length === 0) {
    if (!args.quiet) context.messages.block('Signing data on standard input');
    context.print(await sign({ digest: await digestOf(process.stdin, hash) }));
    return 0;
  }
  for (const path of args.words) {
    if (!args.quiet) context.messages.block(`Signing file ${path}`);
    const signature = await sign({ digest: await digestOf(fileStream(path), hash) });
    const target = `${path}.sig`;
    if ((await versionOf(target)) === undefined) await writeNewFile(target, signature, 0o644);
    else if (await mayReplace(target, context)) await replaceFile(target, signature);
    else throw optionsError(`${target} already exists, and is left as it is`);
    if (!args.quiet) context.messages.block(`Write signature to ${target}`);
  }
  return 0;
}

/** `-Y verify` */
export async function verifySignature(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const principal = args.needed('I', 'who is said to have signed');
  const namespace = args.needed('n', 'what the signature is for');
  return await verdict(args, context, async () => {
    const signature = await namedSignature(args);
    await verifyMessage(signature, namespace);
    await refuseRevoked(args.value('r'), signature);
    const signers = await allowedSigners(args);
    signers.allow(signature, { principal, namespace, now: timeOf(args) });
    return ` for ${escapeText(principal, 200)}`;
  });
}

/** `-Y check-novalidate` */
export async function checkSignature(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const namespace = args.needed('n', 'what the signature is for');
  return await verdict(args, context, async () => {
    await verifyMessage(await namedSignature(args), namespace);
    return '';
  });
}

/** `-Y find-principals` */
export async function findPrincipals(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const signature = await namedSignature(args);
  const signers = await allowedSigners(args);
  for (const principal of signers.principalsOf(signature, { now: timeOf(args), namespace: false })) {
    context.print(`${principal}\n`);
  }
  return 0;
}

/** `-Y match-principals` */
export async function matchPrincipals(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const principal = args.needed('I', 'somebody');
  const found = (await allowedSigners(args)).matching(principal);
  if (found.length === 0)
    throw signatureError(`no line of the allowed signers names ${escapeText(principal, 200)}`);
  for (const { principals } of found) context.print(`${principals}\n`);
  return 0;
}

// Signing -----------------------------------------------------------------------------

interface Purpose {
  readonly namespace: string;
  readonly hash: MessageHash;
}

/** With a private key, or with the agent's where the file has the public half or a certificate alone. */
async function signerFor(
  path: string,
  purpose: Purpose,
  args: KeygenArguments,
  context: KeygenContext,
): Promise<Signer> {
  const bytes = await readKeyFile(path);
  const named = publicPart(path, bytes);
  if (named === undefined) {
    const { privateKey } = await openPrivateKey(path, bytes, context, { given: args.value('P') });
    return async (message) => signMessageWith(parts, message, privateKey, purpose);
  }
  const { publicKey, certificate } = named;
  const privatePath = path.replace(/(-cert)?\.pub$/, '');
  if (privatePath !== path && (await versionOf(privatePath)) !== undefined) {
    const opened = await openPrivateKey(privatePath, await readKeyFile(privatePath), context, {
      given: args.value('P'),
    });
    return async (message) => signMessageWith(parts, message, opened.privateKey, { ...purpose, certificate });
  }
  return (message) => signByAgent(message, publicKey, certificate, purpose);
}

interface PublicPart {
  readonly publicKey: PublicKey;
  readonly certificate: Certificate | undefined;
}

function publicPart(path: string, bytes: Uint8Array): PublicPart | undefined {
  const text = Buffer.from(bytes).toString('latin1');
  if (/^(-----BEGIN .*PRIVATE KEY-----|PuTTY-User-Key-File)/m.test(text)) return undefined;
  if (/^\s*\S+-cert-v\d\d@openssh\.com\s/.test(text)) {
    const { certificate } = about(path, () => parseCertificate(bytes));
    return { publicKey: certificate.publicKey, certificate };
  }
  return { publicKey: about(path, () => parsePublicKey(bytes)).publicKey, certificate: undefined };
}

async function signByAgent(
  message: SignedMessage,
  publicKey: PublicKey,
  certificate: Certificate | undefined,
  { namespace, hash }: Purpose,
): Promise<string> {
  const path = nodePlatform.agentPath();
  if (path === undefined) {
    throw optionsError('the private half of the key is not there, and there is no agent (SSH_AUTH_SOCK)');
  }
  const link = new AgentLink({
    open: nodePlatform.local(path),
    clock: nodePlatform.clock,
    waits: new WaitTable(),
    timeout: defaultTimeouts.agent,
    path,
  });
  await using agent = new Agent(link);
  const algorithm = messageAlgorithm(publicKey.type);
  const data = bytesToSign(parts, message, { namespace, hash });
  const blob = await agent.sign(encodePublicKey(publicKey), algorithm, data);
  const read = { ...decodeSignature(blob), publicKey, certificate, namespace, hash };
  verifyMessageWith(parts, message, read, namespace);
  return formatMessageSignature(read);
}

async function mayReplace(path: string, { person }: KeygenContext): Promise<boolean> {
  const answer = await person?.ask(`${path} already exists.\nOverwrite (y/n)? `);
  return answer?.trim().toLowerCase().startsWith('y') === true;
}

// Checking ----------------------------------------------------------------------------

/** What is said of a signature; `check` gives for whom it is. */
async function verdict(
  args: KeygenArguments,
  { print }: KeygenContext,
  check: () => Promise<string>,
): Promise<number> {
  try {
    const whom = await check();
    const { publicKey, namespace } = await namedSignature(args);
    const good = `Good "${escapeText(namespace, 200)}" signature${whom} with ${shortName(publicKey)} key ${fingerprint(publicKey, fingerprintHash(args))}\n`;
    if (!args.quiet) print(good);
    if (args.setting('print-pubkey') !== undefined) print(formatPublicKey(publicKey));
    return 0;
  } catch (error) {
    if (error instanceof SshError && !args.quiet) print('Could not verify signature.\n');
    throw error;
  }
}

async function verifyMessage(signature: MessageSignature, namespace: string): Promise<void> {
  const digest = await digestOf(process.stdin, signature.hash);
  verifyMessageWith(parts, { digest }, signature, namespace);
}

async function namedSignature(args: KeygenArguments): Promise<MessageSignature> {
  const path = args.needed('s', 'the file of the signature');
  const bytes = await readKeyFile(path);
  return about(path, () => parseMessageSignature(bytes));
}

async function allowedSigners(args: KeygenArguments): Promise<AllowedSigners> {
  const path = args.needed('f', 'the file of allowed signers');
  return AllowedSigners.parse(await readKeyFile(path), localTime);
}

/** A list of keys, or a key revocation list: no signature of these counts. */
async function refuseRevoked(path: string | undefined, signature: MessageSignature): Promise<void> {
  if (path === undefined) return;
  const bytes = await readKeyFile(path);
  const revoked = about(path, () => RevokedKeys.parse(bytes));
  const part = revoked.revocation(signature.certificate ?? signature.publicKey);
  if (part !== undefined) throw signatureError(`${path} revokes the ${part} of the signature`);
}

/** `-O verify-time`, or now. */
function timeOf(args: KeygenArguments): number {
  const given = args.setting('verify-time');
  if (given === undefined) return Math.floor(Date.now() / 1000);
  const seconds = parseTimestamp(given, localTime);
  if (seconds !== undefined && seconds >= 0) return seconds;
  throw optionsError('-O verify-time takes a date such as 20261231, 202612312359 or 20261231235959Z');
}

/** Of a clock on the wall in the time zone of this machine. */
function localTime(seconds: number): number {
  const utc = new Date(seconds * 1000);
  const [year, month, day] = [utc.getUTCFullYear(), utc.getUTCMonth(), utc.getUTCDate()];
  const local = new Date(year, month, day, utc.getUTCHours(), utc.getUTCMinutes(), utc.getUTCSeconds());
  return Math.floor(local.getTime() / 1000);
}

function hashOf(args: KeygenArguments): MessageHash {
  const name = args.setting('hashalg') ?? 'sha512';
  if (name === 'sha256' || name === 'sha512') return name;
  throw optionsError('-O hashalg takes sha256 or sha512');
}

function fileStream(path: string): NodeJS.ReadableStream {
  return createReadStream(path);
}

async function digestOf(source: NodeJS.ReadableStream, hash: MessageHash): Promise<Uint8Array> {
  const digest = createHash(hash);
  try {
    await pipeline(source, digest);
  } catch (error) {
    throw optionsError(`the file to sign cannot be read: ${error instanceof Error ? error.message : ''}`);
  }
  return new Uint8Array(digest.digest());
}
