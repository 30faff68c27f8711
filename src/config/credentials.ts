/**
 * How a configuration wants its user to log in.
 *
 * Owns: which keys of which files and which agent are tried, in what order, and
 * what of the caller's own answers fits in.
 * Must not know: formats of keys (`keys/`), the protocol.
 * Source: ssh_config(5); the order is that of OpenSSH 10.
 */
import { escapeText } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import { callback, eitherOf, type OptionTable } from '../base/optionChecks.ts';
import type {
  AuthMethod,
  ChangePassword,
  KeyboardInteractive,
  PasswordFunction,
} from '../client/dial/options.ts';
import type { PublicKey } from '../crypto/keys/publicKey.ts';
import { passphrase, password } from '../endpoint/options/optionRules.ts';
import { describePrivateKey } from '../keys/privateKey/privateKeyFile.ts';
import { parsePublicKey } from '../keys/publicKeyFile.ts';
import type { ConfigPlatform } from './platform.ts';
import { isNone } from './reading/canonical.ts';
import type { Facts } from './reading/facts.ts';
import { commandLine, problemAt } from './reading/problems.ts';
import type { Resolution } from './reading/resolve.ts';
import type { NamedFile } from './reading/settings.ts';
import { expand, expandTilde } from './syntax/expansion.ts';

/** Asked for the passphrase of a key file; undefined leaves the key out. `attempt` counts from 1. */
export type KeyPassphrase = (request: {
  readonly path: string;
  readonly attempt: number;
}) => Promise<string | undefined> | string | undefined;

/** What the configuration cannot know. Each is used where and when the configuration allows it. */
export interface Credentials {
  /** Of key files that are encrypted. Without it such keys are used by the agent only. */
  readonly passphrase?: string | Uint8Array | KeyPassphrase | undefined;
  /** Or a function that is asked when needed, as often as NumberOfPasswordPrompts says. */
  readonly password?: string | PasswordFunction | undefined;
  /** As for `connect`. */
  readonly changePassword?: ChangePassword | undefined;
  /** As for `connect`. */
  readonly keyboardInteractive?: KeyboardInteractive | undefined;
}

export const credentialRules: OptionTable<Credentials> = {
  passphrase,
  password: eitherOf(password.takes, password),
  changePassword: callback,
  keyboardInteractive: callback,
};

export interface CredentialContext {
  readonly platform: ConfigPlatform;
  readonly facts: Facts;
  readonly given: Credentials;
  readonly warnings: string[];
}

/** The methods to try, in order. */
export async function authenticationOf(
  resolution: Resolution,
  context: CredentialContext,
): Promise<readonly AuthMethod[]> {
  const { settings } = resolution;
  const isOff = (keyword: string): boolean => ['no', 'false'].includes(settings.value(keyword) ?? '');
  const mayAsk = settings.value('batchmode') !== 'yes';
  const steps: Readonly<Record<string, () => Promise<readonly AuthMethod[]> | readonly AuthMethod[]>> = {
    publickey: () => (isOff('pubkeyauthentication') ? [] : keysOf(resolution, context)),
    'keyboard-interactive': () =>
      mayAsk && !isOff('kbdinteractiveauthentication') ? keyboardInteractive(resolution, context) : [],
    password: () => (mayAsk && !isOff('passwordauthentication') ? passwords(resolution, context) : []),
  };
  const methods: AuthMethod[] = [];
  for (const name of preferred(settings.value('preferredauthentications'))) {
    if (Object.hasOwn(steps, name)) methods.push(...((await steps[name]?.()) ?? []));
  }
  // With nothing to show, `none` makes the server say what it takes.
  return methods.length === 0 ? ['none'] : methods;
}

function preferred(list: string | undefined): readonly string[] {
  return list === undefined
    ? ['publickey', 'keyboard-interactive', 'password']
    : [...new Set(list.split(','))];
}

// What a person is asked -----------------------------------------------------------------

function passwords({ settings }: Resolution, { given }: CredentialContext): readonly AuthMethod[] {
  const { password: own, changePassword } = given;
  if (own === undefined) return [];
  const most = Number(settings.value('numberofpasswordprompts'));
  const bounded: string | PasswordFunction =
    typeof own === 'string' ? own : (request) => (request.attempt > most ? undefined : own(request));
  return most === 0 ? [] : [{ method: 'password', password: bounded, changePassword }];
}

function keyboardInteractive({ settings }: Resolution, { given }: CredentialContext): readonly AuthMethod[] {
  const { keyboardInteractive: answer } = given;
  const attempts = Number(settings.value('numberofpasswordprompts'));
  if (answer === undefined || attempts === 0) return [];
  return [{ method: 'keyboard-interactive', answer, attempts: Math.min(attempts, mostAttempts) }];
}

const mostAttempts = 1000;

// Keys -----------------------------------------------------------------------------------

/** What a file gave. */
interface FileKey {
  readonly path: string;
  /** For the agent; undefined where an encrypted file does not tell it. */
  readonly publicKey: PublicKey | undefined;
  /** Undefined where the file has the public half only, or is not to be used. */
  readonly own: { readonly bytes: Uint8Array; readonly isEncrypted: boolean } | undefined;
}

/** Keys that an agent holds of those that files name, then others of the agent, then those of files. */
async function keysOf(resolution: Resolution, context: CredentialContext): Promise<readonly AuthMethod[]> {
  const { settings } = resolution;
  const files = await fileKeys(resolution, context);
  const certificates = await certificatesOf(resolution, context);
  const agent = agentOf(resolution, context);
  const methods: AuthMethod[] = [];
  if (agent !== undefined) {
    const keys = files.flatMap(({ publicKey }) => (publicKey === undefined ? [] : [publicKey]));
    if (keys.length > 0) methods.push({ method: 'agent', agent, keys });
    if (settings.value('identitiesonly') !== 'yes') methods.push({ method: 'agent', agent });
  }
  for (const file of files) {
    if (file.own === undefined) continue;
    const beside = await certificateBeside(file.path, context);
    const own = [...beside, ...certificates];
    methods.push({
      method: 'publickey',
      privateKey: file.own.bytes,
      ...(file.own.isEncrypted ? { passphrase: passphraseFor(file.path, context) } : {}),
      ...(own.length === 0 ? {} : { certificate: own }),
    });
  }
  return methods;
}

/** `true` for the user's own. */
function agentOf(
  { settings }: Resolution,
  { platform, facts }: CredentialContext,
): string | true | undefined {
  const said = settings.value('identityagent');
  if (said === undefined || said === 'SSH_AUTH_SOCK')
    return platform.agentPath() === undefined ? undefined : true;
  if (isNone(said)) return undefined;
  // `$NAME` is the older way to write `${NAME}`.
  const path = /^\$[A-Za-z0-9_]+$/.test(said) ? facts.variables(said.slice(1)) : said;
  return path === undefined || path === '' ? undefined : path;
}

function passphraseFor(
  path: string,
  { given }: CredentialContext,
):
  | string
  | Uint8Array
  | ((request: { readonly attempt: number }) => Promise<string | undefined> | string | undefined) {
  const { passphrase: own } = given;
  if (own === undefined) return () => undefined;
  return typeof own === 'function' ? ({ attempt }) => own({ path, attempt }) : own;
}

async function fileKeys(resolution: Resolution, context: CredentialContext): Promise<readonly FileKey[]> {
  const keys: FileKey[] = [];
  for (const identity of resolution.settings.identities) {
    const path = pathOf(identity, resolution, context, 'identities');
    if (isNone(identity.path)) continue;
    const key = await fileKey(path, identity.isNamed, context);
    if (key !== undefined) keys.push(key);
  }
  return keys;
}

async function fileKey(
  path: string,
  isNamed: boolean,
  context: CredentialContext,
): Promise<FileKey | undefined> {
  const { platform, warnings } = context;
  const shown = escapeText(path, 300);
  const file = await platform.readKey(path);
  if ('fault' in file) {
    if (isNamed) warnings.push(`IdentityFile ${shown} is not used: ${file.fault}`);
    return undefined;
  }
  if ('missing' in file) return publicKeyBeside(path, context);
  const publicKey = publicKeyIn(file.bytes);
  if (publicKey !== undefined) return { path, publicKey, own: undefined };
  try {
    const { encrypted: isEncrypted, publicKey: half } = describePrivateKey(file.bytes);
    const isOpen = file.othersMode !== undefined;
    if (isOpen) {
      warnings.push(
        `IdentityFile ${shown} is not used: others may read it (mode ${file.othersMode}); chmod go= takes that away`,
      );
    }
    const beside = half ?? (await publicKeyBeside(path, context))?.publicKey;
    return { path, publicKey: beside, own: isOpen ? undefined : { bytes: file.bytes, isEncrypted } };
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    warnings.push(`IdentityFile ${shown} is not used: ${error.message}`);
    return undefined;
  }
}

/** An agent may hold the private half. */
async function publicKeyBeside(path: string, { platform }: CredentialContext): Promise<FileKey | undefined> {
  const file = await platform.readKey(`${path}.pub`);
  const publicKey = 'bytes' in file ? publicKeyIn(file.bytes) : undefined;
  return publicKey === undefined ? undefined : { path, publicKey, own: undefined };
}

function publicKeyIn(bytes: Uint8Array): PublicKey | undefined {
  try {
    return parsePublicKey(bytes).publicKey;
  } catch {
    return undefined;
  }
}

/** One that is of no use is left aside by the dial, which says so. */
async function certificatesOf(
  resolution: Resolution,
  context: CredentialContext,
): Promise<readonly Uint8Array[]> {
  const certificates: Uint8Array[] = [];
  for (const named of resolution.settings.certificates) {
    const path = pathOf(named, resolution, context, 'certificates');
    if (isNone(named.path)) continue;
    const file = await context.platform.readKey(path);
    if ('bytes' in file) certificates.push(file.bytes);
    else
      context.warnings.push(
        `CertificateFile ${escapeText(path, 300)} is not used: ${'fault' in file ? file.fault : 'there is no such file'}`,
      );
  }
  return certificates;
}

async function certificateBeside(
  path: string,
  { platform }: CredentialContext,
): Promise<readonly Uint8Array[]> {
  const file = await platform.readKey(`${path}-cert.pub`);
  return 'bytes' in file ? [file.bytes] : [];
}

/** @throws SshError `ERR_SSH_CONFIG` for a token that means nothing */
function pathOf(
  { path }: NamedFile,
  { settings, tokens }: Resolution,
  { facts }: CredentialContext,
  kind: 'identities' | 'certificates',
): string {
  const home = expandTilde(path, facts.homes);
  const result = 'fault' in home ? home : expand(home.text, { tokens, variables: facts.variables });
  if ('text' in result) return result.text;
  const keyword = kind === 'identities' ? 'identityfile' : 'certificatefile';
  throw problemAt(settings.origin(kind) ?? { file: commandLine, line: 0 }, `${keyword}: ${result.fault}`);
}
