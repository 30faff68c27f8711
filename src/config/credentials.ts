/**
 * How a configuration wants its user to log in.
 *
 * Owns: which methods are tried in what order, with which keys and certificates,
 * and what of the caller's own answers fits in.
 * Must not know: files of keys (`identities.ts`), the protocol.
 * Source: ssh_config(5); the order is that of OpenSSH 10.
 */
import { callback, eitherOf, type OptionTable } from '../base/optionChecks.ts';
import { certificatesFor } from '../client/authentication/certificates.ts';
import type {
  AddToAgent,
  AuthMethod,
  AuthMethodOf,
  ChangePassword,
  KeyboardInteractive,
  PasswordFunction,
} from '../client/authentication/methods.ts';
import type { Certificate } from '../crypto/keys/certificate.ts';
import { passphrase, password } from '../endpoint/options/optionRules.ts';
import {
  certificatesOf,
  type Identity,
  type IdentityContext,
  identitiesOf,
  type NamedCertificate,
  unusedCertificate,
} from './identities.ts';
import { isNone } from './reading/canonical.ts';
import type { Resolution } from './reading/resolve.ts';

/** Asked for the passphrase of a key file; undefined leaves the key out. `attempt` counts from 1. */
export type KeyPassphrase = (request: {
  readonly path: string;
  readonly attempt: number;
}) => Promise<string | undefined> | string | undefined;

/** What the configuration cannot know. Each is used where and when the configuration allows it. */
export interface Credentials {
  /** Of key files that are encrypted. Without it such keys are used by the agent only. */
  readonly passphrase?: string | Uint8Array | KeyPassphrase | undefined;
  /** AddKeysToAgent with `ask`: whether the key of this file is given to the agent. Without it none is then. */
  readonly addToAgent?: ((request: { readonly path: string }) => boolean | Promise<boolean>) | undefined;
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
  addToAgent: callback,
  changePassword: callback,
  keyboardInteractive: callback,
};

export interface CredentialContext extends IdentityContext {
  readonly given: Credentials;
}

/** The methods to try, in order. */
export async function authenticationOf(
  resolution: Resolution,
  context: CredentialContext,
): Promise<readonly AuthMethod[]> {
  const { settings } = resolution;
  const isOff = (keyword: string): boolean => ['no', 'false'].includes(settings.value(keyword) ?? '');
  const mayAsk = !isBatch(resolution);
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

/** BatchMode: functions that ask somebody are not called; what was given as it is counts. */
function isBatch({ settings }: Resolution): boolean {
  return settings.value('batchmode') === 'yes';
}

function preferred(list: string | undefined): readonly string[] {
  return list === undefined
    ? ['publickey', 'keyboard-interactive', 'password']
    : [...new Set(list.split(','))];
}

// What a person is asked -----------------------------------------------------------------

function passwords({ settings }: Resolution, { given }: CredentialContext): readonly AuthMethod[] {
  const { password: own, changePassword } = given;
  const attempts = Number(settings.value('numberofpasswordprompts'));
  if (own === undefined || attempts === 0) return [];
  return [{ method: 'password', password: own, changePassword, attempts: Math.min(attempts, mostAttempts) }];
}

function keyboardInteractive({ settings }: Resolution, { given }: CredentialContext): readonly AuthMethod[] {
  const { keyboardInteractive: answer } = given;
  const attempts = Number(settings.value('numberofpasswordprompts'));
  if (answer === undefined || attempts === 0) return [];
  return [{ method: 'keyboard-interactive', answer, attempts: Math.min(attempts, mostAttempts) }];
}

const mostAttempts = 1000;

// Keys -----------------------------------------------------------------------------------

/**
 * Certificates that files name, keys that an agent holds of those that files name,
 * certificates whose keys are in files, other keys of the agent, keys of files.
 */
async function keysOf(resolution: Resolution, context: CredentialContext): Promise<readonly AuthMethod[]> {
  const files = await identitiesOf(resolution, context);
  const certificates = await certificatesOf(resolution, context);
  const agent = agentOf(resolution, context);
  const onlyNamed = resolution.settings.value('identitiesonly') === 'yes';
  warnOfKeyless(certificates, files, agent !== undefined && !onlyNamed, context);
  const all = certificates.map(({ certificate }) => certificate);
  const methods: AuthMethod[] = [];
  if (agent !== undefined) methods.push(...ofAgent(agent, files, all, onlyNamed));
  const withKey = (file: Identity): AuthMethod | undefined => fileMethod(file, all, resolution, context);
  for (const file of files) methods.push(...(certifiedMethod(file, all, resolution, context) ?? []));
  if (agent !== undefined && !onlyNamed) methods.push({ method: 'agent', agent });
  return [...methods, ...files.flatMap((file) => withKey(file) ?? [])];
}

/** What of an agent goes first. */
function ofAgent(
  agent: string | true,
  files: readonly Identity[],
  certificates: readonly Certificate[],
  onlyNamed: boolean,
): readonly AuthMethod[] {
  const keys = files.flatMap(({ publicKey }) => publicKey ?? []);
  const usable = onlyNamed ? keys.flatMap((key) => certificatesFor(key, certificates)) : certificates;
  const certificate = [...usable, ...files.flatMap((file) => file.certificates)];
  if (keys.length === 0 && certificate.length === 0) return [];
  return [{ method: 'agent', agent, keys, ...(certificate.length === 0 ? {} : { certificate }) }];
}

/** By certificates that CertificateFile names; undefined where there is none for this key. */
function certifiedMethod(
  file: Identity,
  certificates: readonly Certificate[],
  resolution: Resolution,
  context: CredentialContext,
): readonly AuthMethod[] | undefined {
  if (file.own === undefined || file.publicKey === undefined) return undefined;
  const certificate = certificatesFor(file.publicKey, certificates);
  if (certificate.length === 0) return undefined;
  const method = privateKeyMethod(file, certificate, resolution, context);
  return method === undefined ? undefined : [{ ...method, certificateOnly: true }];
}

/** By the key itself, and before it by certificates that lie beside it. */
function fileMethod(
  file: Identity,
  certificates: readonly Certificate[],
  resolution: Resolution,
  context: CredentialContext,
): AuthMethod | undefined {
  // Which certificates are for it is known when it is opened.
  const own = file.publicKey === undefined ? [...file.certificates, ...certificates] : file.certificates;
  return privateKeyMethod(file, own, resolution, context);
}

function privateKeyMethod(
  { path, own }: Identity,
  certificate: readonly Certificate[],
  resolution: Resolution,
  context: CredentialContext,
): AuthMethodOf<'publickey'> | undefined {
  if (own === undefined) return undefined;
  const { settings } = resolution;
  const { given } = context;
  const addToAgent = addingOf(path, resolution, context);
  const attempts = isBatch(resolution) ? 0 : Number(settings.value('numberofpasswordprompts'));
  const unlocking = own.isEncrypted ? unlockingOf(path, given.passphrase, attempts) : {};
  return {
    method: 'publickey',
    privateKey: own.bytes,
    ...unlocking,
    ...(certificate.length === 0 ? {} : { certificate }),
    ...(addToAgent === undefined ? {} : { addToAgent }),
  };
}

/** AddKeysToAgent: yes, ask, confirm, a time, or confirm and a time. Undefined for no, and where there is no agent. */
function addingOf(path: string, resolution: Resolution, context: CredentialContext): AddToAgent | undefined {
  const agent = agentOf(resolution, context);
  const [word = 'false', time] = (resolution.settings.value('addkeystoagent') ?? 'false').split(' ');
  if (agent === undefined || word === 'false') return undefined;
  const { given, warnings } = context;
  const asked = isBatch(resolution) ? undefined : given.addToAgent;
  const seconds = Number(time ?? (/^\d+$/.test(word) ? word : 0));
  if (word === 'ask' && asked === undefined) {
    warnings.push('AddKeysToAgent ask has no effect: nobody can be asked');
    return undefined;
  }
  return {
    agent,
    comment: path,
    ...(seconds === 0 ? {} : { lifetime: Math.min(seconds, longestLifetime) }),
    ...(word === 'confirm' ? { confirm: true } : {}),
    ...(word === 'ask' && asked !== undefined ? { ask: () => asked({ path }) } : {}),
  };
}

/** Seconds that an agent can be told. */
const longestLifetime = 0xffff_ffff;

/** A key that nobody may be asked about is left out. */
function unlockingOf(
  path: string,
  passphrase: Credentials['passphrase'],
  attempts: number,
): Pick<AuthMethodOf<'publickey'>, 'passphrase' | 'attempts'> {
  if (passphrase === undefined) return { passphrase: () => undefined };
  if (typeof passphrase !== 'function') return { passphrase };
  if (attempts === 0) return { passphrase: () => undefined };
  return {
    passphrase: ({ attempt }) => passphrase({ path, attempt }),
    attempts: Math.min(attempts, mostAttempts),
  };
}

/** A certificate is of no use without its key, which an agent may hold. */
function warnOfKeyless(
  certificates: readonly NamedCertificate[],
  files: readonly Identity[],
  mayBeHeld: boolean,
  { warnings }: CredentialContext,
): void {
  if (mayBeHeld || files.some(({ publicKey }) => publicKey === undefined)) return;
  const keys = files.flatMap(({ publicKey }) => publicKey ?? []);
  for (const { path, certificate } of certificates) {
    if (keys.some((key) => certificatesFor(key, [certificate]).length > 0)) continue;
    warnings.push(unusedCertificate(path, 'no IdentityFile and no agent has its key'));
  }
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
