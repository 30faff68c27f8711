/**
 * Who may sign: the file of allowed signers.
 *
 * Owns: its lines, and which of them speaks for a signer, in a namespace, at a time.
 * Must not know: files on disk, clocks, whether a signature holds.
 * Source: ssh-keygen(1), ALLOWED SIGNERS.
 */
import { equalBytes } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { anyText, checkOptions, type OptionTable, wholeNumber } from '../../base/optionChecks.ts';
import { matchesPattern } from '../../base/wildcards.ts';
import type { Certificate } from '../../crypto/keys/certificate.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import { checkCertificate, parseCertificate } from '../openssh/certificateFile.ts';
import { type KeyOption, parsePublicKey, readOptions } from '../publicKeyFile.ts';
import { byteTextOrEmpty, latin1ToText, splitLines } from '../textLines.ts';
import { isSameKey, type MessageSignature, signatureError } from './sshsig.ts';
import { parseTimestamp, type WallClock } from './timestamps.ts';

/** One line. */
export interface AllowedSigner {
  /** From 1. */
  readonly line: number;
  /** Patterns, separated by commas, as the file has them; not escaped. */
  readonly principals: string;
  /** The key that may sign. */
  readonly publicKey: PublicKey;
  /** Where the line has a certificate in place of a key: then the key may sign with this certificate only. */
  readonly certificate: Certificate | undefined;
  /** The key is an authority's: it speaks for those it gave a certificate. */
  readonly isAuthority: boolean;
  /** Patterns of what it may sign; undefined for everything. */
  readonly namespaces: string | undefined;
  /** Seconds since 1970; undefined for no bound. */
  readonly validAfter: number | undefined;
  /** Seconds since 1970; undefined for no bound. */
  readonly validBefore: number | undefined;
}

/** A line that cannot be read. */
export interface UnreadSigner {
  /** From 1. */
  readonly line: number;
  /** What is wrong with it. */
  readonly reason: string;
}

/** For whom, for what and when a signature is to count. */
export interface SignerQuestion {
  /** Who is said to have signed. */
  readonly principal: string;
  /** What the signature is for, such as `file` or `git`. */
  readonly namespace: string;
  /** Seconds since 1970. */
  readonly now: number;
}

const questionTable: OptionTable<SignerQuestion> = {
  principal: anyText,
  namespace: anyText,
  now: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'whole seconds since 1970'),
};

/**
 * The lines of a file of allowed signers.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { AllowedSigners, parseMessageSignature, verifyMessage } from 'deadline-ssh/keys';
 * const signers = AllowedSigners.parse(readFileSync('allowed_signers'));
 * function check(message: Uint8Array, signature: string, principal: string): void {
 *   const read = parseMessageSignature(signature);
 *   const now = Math.floor(Date.now() / 1000);
 *   signers.allow(read, { principal, namespace: 'file', now });
 *   verifyMessage(message, read, { namespace: 'file' });
 * }
 * ```
 */
export class AllowedSigners {
  /** The lines, in the order of the file. */
  readonly signers: readonly AllowedSigner[];
  /** Lines that cannot be read; they allow nobody. */
  readonly malformed: readonly UnreadSigner[];

  private constructor(signers: readonly AllowedSigner[], malformed: AllowedSigners['malformed']) {
    this.signers = signers;
    this.malformed = malformed;
  }

  /**
   * Reads a text; never throws for its lines.
   *
   * @param wallClock the time zone of dates without a `Z`; UTC where not given
   */
  static parse(data: Uint8Array | string, wallClock: WallClock = (seconds) => seconds): AllowedSigners {
    const signers: AllowedSigner[] = [];
    const malformed: { readonly line: number; readonly reason: string }[] = [];
    for (const [index, text] of splitLines(byteTextOrEmpty(data)).entries()) {
      if (/^[ \t]*(#|$)/.test(text)) continue;
      try {
        signers.push(readLine(text, index + 1, wallClock));
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        malformed.push({ line: index + 1, reason: error.message });
      }
    }
    return new AllowedSigners(signers, malformed);
  }

  /**
   * The line that lets the key of a signature sign. That the signature holds is
   * for `verifyMessage` to say.
   *
   * @throws SshError `ERR_SSH_SIGNATURE` where none does
   */
  allow(signature: MessageSignature, question: SignerQuestion): AllowedSigner {
    checkOptions(question, { of: 'AllowedSigners.allow', table: questionTable });
    const found = this.signers.find((signer) => isAllowed(signer, signature, question));
    if (found !== undefined) return found;
    throw signatureError(
      'no line of the allowed signers speaks for this key, for this purpose and at this time',
    );
  }

  /**
   * For whom the key of a signature may sign: the patterns of the first line that
   * lets it, or the principals of its certificate that these match. `namespace` is
   * the signature's own where not given; `false` asks for whom the key may sign
   * anything, as `ssh-keygen -Y find-principals` does.
   *
   * @throws SshError `ERR_SSH_SIGNATURE` where none does
   */
  principalsOf(
    signature: MessageSignature,
    question: Omit<SignerQuestion, 'principal' | 'namespace'> & {
      readonly namespace?: string | false | undefined;
    },
  ): readonly string[] {
    const { now, namespace = signature.namespace } = question;
    const { certificate } = signature;
    for (const signer of this.signers) {
      if (!speaksFor(signer, signature, namespace, now)) continue;
      if (certificate === undefined || !signer.isAuthority) return signer.principals.split(',');
      const named = certificate.principals.filter(
        (principal) => matchesList(principal, signer.principals) && isValid(certificate, principal, now),
      );
      if (named.length > 0) return named;
    }
    throw signatureError('no line of the allowed signers speaks for this key');
  }

  /** The lines whose patterns match a principal. */
  matching(principal: string): readonly AllowedSigner[] {
    return this.signers.filter(({ principals }) => matchesList(principal, principals));
  }
}

/** Whether a line speaks for a key, or for the authority of its certificate, for any signer. */
function speaksFor(
  signer: AllowedSigner,
  signature: MessageSignature,
  namespace: string | false,
  now: number,
): boolean {
  const { namespaces, validAfter, validBefore } = signer;
  if (namespaces !== undefined && namespace !== false && !matchesList(namespace, namespaces)) return false;
  if (validAfter !== undefined && now < validAfter) return false;
  if (validBefore !== undefined && now > validBefore) return false;
  const { certificate } = signature;
  if (!signer.isAuthority) {
    return isSameKey(signer.publicKey, signature.publicKey) && isSameBlob(signer.certificate, certificate);
  }
  // A certificate is no authority.
  if (certificate === undefined || signer.certificate !== undefined) return false;
  return isSameKey(signer.publicKey, certificate.authority);
}

/** Both are missing, or are one certificate. */
function isSameBlob(one: Certificate | undefined, other: Certificate | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return equalBytes(one.blob, other.blob);
}

function isAllowed(
  signer: AllowedSigner,
  signature: MessageSignature,
  { principal, namespace, now }: SignerQuestion,
): boolean {
  const { certificate } = signature;
  return (
    matchesList(principal, signer.principals) &&
    speaksFor(signer, signature, namespace, now) &&
    // A line that has the certificate itself vouches for it, as with ssh-keygen.
    (certificate === undefined || !signer.isAuthority || isValid(certificate, principal, now))
  );
}

function isValid(certificate: Certificate, principal: string, now: number): boolean {
  try {
    checkCertificate(certificate, { kind: 'user', principal, now });
    return true;
  } catch (error) {
    if (error instanceof SshError) return false;
    throw error;
  }
}

/** A list of patterns separated by commas, where `!` refuses. Case matters. */
function matchesList(text: string, list: string): boolean {
  const patterns = list.split(',').filter((pattern) => pattern !== '');
  const matches = (pattern: string): boolean => matchesPattern(text, pattern);
  return (
    patterns.some((pattern) => !pattern.startsWith('!') && matches(pattern)) &&
    !patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1)))
  );
}

/** Principals, which may be quoted, and a line of authorized_keys. */
function readLine(text: string, line: number, wallClock: WallClock): AllowedSigner {
  const [, quotedNames, plain, rest = ''] = /^[ \t]*(?:"([^"]*)"|([^" \t]+))[ \t]+(.*)$/.exec(text) ?? [];
  const principals = latin1ToText(quotedNames ?? plain ?? '');
  if (principals === '') throw signatureError('no principals stand at its beginning');
  const { publicKey, certificate, options } = keyOf(rest);
  return { line, principals, publicKey, certificate, ...optionsOf(options, wallClock) };
}

type LineKey = Pick<AllowedSigner, 'publicKey' | 'certificate'> & { readonly options: readonly KeyOption[] };

/** A key or a certificate, with options before it. */
function keyOf(text: string): LineKey {
  const certificateAt = /^[ \t]*[a-z0-9-]+-cert-v\d\d@openssh\.com[ \t]/;
  const behind = certificateAt.test(text) ? { options: [], rest: text } : readOptions(text);
  if (!certificateAt.test(behind.rest)) {
    const { publicKey, options } = parsePublicKey(latin1ToText(text));
    return { publicKey, certificate: undefined, options };
  }
  const { certificate } = parseCertificate(latin1ToText(behind.rest));
  return { publicKey: certificate.publicKey, certificate, options: behind.options };
}

type Options = Pick<AllowedSigner, 'isAuthority' | 'namespaces' | 'validAfter' | 'validBefore'>;

/** An option that is not known may restrict what it stands for, so the line allows nothing. */
function optionsOf(options: readonly KeyOption[], wallClock: WallClock): Options {
  const values = new Map<string, string | undefined>();
  for (const { name, value } of options) {
    if (values.has(name)) throw signatureError(`the option ${name} stands in it twice`);
    values.set(name, value);
  }
  const take = (name: string): string | undefined => {
    const value = values.get(name);
    if (values.delete(name) && value === undefined) throw signatureError(`the option ${name} has no value`);
    return value;
  };
  const time = (name: string): number | undefined => {
    const text = take(name);
    const seconds = text === undefined ? undefined : parseTimestamp(text, wallClock);
    if (text !== undefined && seconds === undefined) throw signatureError(`the option ${name} has no date`);
    return seconds;
  };
  const isAuthority = values.has('cert-authority');
  if (isAuthority && values.get('cert-authority') !== undefined) {
    throw signatureError('the option cert-authority takes no value');
  }
  values.delete('cert-authority');
  const namespaces = take('namespaces');
  const [validAfter, validBefore] = [time('valid-after'), time('valid-before')];
  if (validAfter !== undefined && validBefore !== undefined && validBefore <= validAfter) {
    throw signatureError('it is valid before it is valid after');
  }
  const [unknown] = values.keys();
  if (unknown !== undefined) throw signatureError(`the option ${unknown} is not known`);
  return { isAuthority, namespaces, validAfter, validBefore };
}
