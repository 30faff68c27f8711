/**
 * The keys and certificates that a configuration names.
 *
 * Owns: which files are read for IdentityFile and CertificateFile, what lies beside
 * them, and what is said of those that are of no use.
 * Must not know: in which order they are tried, formats of keys (`keys/`).
 * Source: ssh_config(5); what lies beside a key is that of OpenSSH 10.
 */
import { escapeText } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { Certificate } from '../crypto/keys/certificate.ts';
import type { PublicKey } from '../crypto/keys/publicKey.ts';
import { parseCertificate } from '../keys/openssh/certificateFile.ts';
import { describePrivateKey } from '../keys/privateKey/privateKeyFile.ts';
import { parsePublicKey } from '../keys/publicKeyFile.ts';
import type { ConfigPlatform, KeyFileAnswer } from './platform.ts';
import { isNone } from './reading/canonical.ts';
import type { Facts } from './reading/facts.ts';
import { commandLine, problemAt } from './reading/problems.ts';
import type { Resolution } from './reading/resolve.ts';
import type { NamedFile } from './reading/settings.ts';
import { expand, expandTilde } from './syntax/expansion.ts';

export interface IdentityContext {
  readonly platform: ConfigPlatform;
  readonly facts: Facts;
  readonly warnings: string[];
}

/** What a file of IdentityFile gave. */
export interface Identity {
  readonly path: string;
  /** Undefined where an encrypted file does not tell it. */
  readonly publicKey: PublicKey | undefined;
  /** Undefined where the file has the public half only, or is not to be used. */
  readonly own: { readonly bytes: Uint8Array; readonly isEncrypted: boolean } | undefined;
  /** For this key, of the file itself and of those beside it. */
  readonly certificates: readonly Certificate[];
}

/** A certificate of CertificateFile. */
export interface NamedCertificate {
  readonly path: string;
  readonly certificate: Certificate;
}

// IdentityFile ---------------------------------------------------------------------------

/** @throws SshError `ERR_SSH_CONFIG` for a token that means nothing */
export async function identitiesOf(
  resolution: Resolution,
  context: IdentityContext,
): Promise<readonly Identity[]> {
  const identities: Identity[] = [];
  for (const named of resolution.settings.identities) {
    const path = pathOf(named, resolution, context, 'identities');
    if (isNone(named.path)) continue;
    const identity = await identityOf(path, named.isNamed, context);
    if (identity !== undefined) identities.push(identity);
  }
  return identities;
}

async function identityOf(
  path: string,
  isNamed: boolean,
  context: IdentityContext,
): Promise<Identity | undefined> {
  const { platform, warnings } = context;
  const unused = (why: string): undefined => {
    warnings.push(`IdentityFile ${escapeText(path, 300)} is not used: ${why}`);
  };
  const file = await platform.readKey(path);
  if ('fault' in file) return isNamed ? unused(file.fault) : undefined;
  const beside = await besideOf(path, context);
  if ('missing' in file) return beside.publicKey === undefined ? undefined : publicOnly(path, beside);
  const shown = publicHalfIn(file.bytes);
  if (shown.publicKey !== undefined) {
    return publicOnly(path, { ...shown, certificates: [...shown.certificates, ...beside.certificates] });
  }
  try {
    const { encrypted: isEncrypted, publicKey } = describePrivateKey(file.bytes);
    const isOpen = file.othersMode !== undefined;
    if (isOpen) unused(`others may read it (mode ${file.othersMode}); chmod go= takes that away`);
    return {
      path,
      publicKey: publicKey ?? beside.publicKey,
      own: isOpen ? undefined : { bytes: file.bytes, isEncrypted },
      certificates: beside.certificates,
    };
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return unused(error.message);
  }
}

/** A public half, and certificates for it. */
type PublicHalf = Pick<Identity, 'publicKey' | 'certificates'>;

/** An agent may hold the private half. */
function publicOnly(path: string, half: PublicHalf): Identity {
  return { path, ...half, own: undefined };
}

const noHalf: PublicHalf = { publicKey: undefined, certificates: [] };

/** `KEY.pub`, which may be a certificate, and `KEY-cert.pub`. */
async function besideOf(path: string, { platform, warnings }: IdentityContext): Promise<PublicHalf> {
  const plain = await platform.readKey(`${path}.pub`);
  const half = 'bytes' in plain ? publicHalfIn(plain.bytes) : noHalf;
  const certified = `${path}-cert.pub`;
  const file = await platform.readKey(certified);
  if ('missing' in file) return half;
  const certificate = certificateIn(file);
  if (typeof certificate === 'string') {
    warnings.push(unusedCertificate(certified, certificate));
    return half;
  }
  return {
    publicKey: half.publicKey ?? certificate.publicKey,
    certificates: [...half.certificates, certificate],
  };
}

function publicHalfIn(bytes: Uint8Array): PublicHalf {
  const publicKey = orUndefined(() => parsePublicKey(bytes).publicKey);
  if (publicKey !== undefined) return { publicKey, certificates: [] };
  const certificate = orUndefined(() => parseCertificate(bytes).certificate);
  if (certificate?.kind !== 'user') return noHalf;
  return { publicKey: certificate.publicKey, certificates: [certificate] };
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

// CertificateFile ------------------------------------------------------------------------

/** @throws SshError `ERR_SSH_CONFIG` for a token that means nothing */
export async function certificatesOf(
  resolution: Resolution,
  context: IdentityContext,
): Promise<readonly NamedCertificate[]> {
  const certificates: NamedCertificate[] = [];
  for (const named of resolution.settings.certificates) {
    const path = pathOf(named, resolution, context, 'certificates');
    if (isNone(named.path)) continue;
    const read = certificateIn(await context.platform.readKey(path));
    if (typeof read !== 'string') certificates.push({ path, certificate: read });
    else context.warnings.push(unusedCertificate(path, read));
  }
  return certificates;
}

/** What is said of a certificate that is left aside. */
export function unusedCertificate(path: string, why: string): string {
  return `CertificateFile ${escapeText(path, 300)} is not used: ${why}`;
}

/** The certificate, or why there is none. */
function certificateIn(file: KeyFileAnswer): Certificate | string {
  if (!('bytes' in file)) return 'fault' in file ? file.fault : 'there is no such file';
  try {
    const { certificate } = parseCertificate(file.bytes);
    return certificate.kind === 'user' ? certificate : "it is a host's and cannot log a user in";
  } catch (error) {
    if (error instanceof SshError) return error.message;
    throw error;
  }
}

/** @throws SshError `ERR_SSH_CONFIG` for a token that means nothing */
function pathOf(
  { path }: NamedFile,
  { settings, tokens }: Resolution,
  { facts }: IdentityContext,
  kind: 'identities' | 'certificates',
): string {
  const home = expandTilde(path, facts.homes);
  const result = 'fault' in home ? home : expand(home.text, { tokens, variables: facts.variables });
  if ('text' in result) return result.text;
  const keyword = kind === 'identities' ? 'identityfile' : 'certificatefile';
  throw problemAt(settings.origin(kind) ?? { file: commandLine, line: 0 }, `${keyword}: ${result.fault}`);
}
