/**
 * Certificate files, as ssh-keygen -s writes them.
 *
 * Owns: the one-line format, and whether a certificate serves a purpose now.
 * Must not know: files on disk, clocks (the time is given), which authorities are trusted.
 * Source: OpenSSH PROTOCOL.certkeys.
 */
import { asciiLowerCase, escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import type { Certificate } from '../../crypto/keys/certificate.ts';
import { decodeCertificate } from '../../crypto/keys/certificate.ts';
import { isCertificateName } from '../../crypto/specialAlgorithms.ts';
import { asKeyError, keyFormatError, keyUnsupportedError, quoted } from '../errors.ts';
import { base64Decode } from '../pem/base64.ts';
import { byteText, latin1ToText, splitLines, trimBlanks } from '../textLines.ts';

/** A certificate as it came from a file. */
export interface CertificateFile {
  /** What it says. */
  readonly certificate: Certificate;
  /** As the file has it; not escaped. */
  readonly comment: string;
}

/**
 * Reads a certificate such as `id_ed25519-cert.pub`. Who signed it, and whether
 * it is still valid, is not looked at: a server decides that for a user's, and
 * `checkCertificate` for a host's.
 *
 * @param data the content of the file, as text or bytes
 * @throws SshError `ERR_SSH_KEY_FORMAT` no certificate or a damaged one,
 *   `ERR_SSH_KEY_UNSUPPORTED` a plain public key, or one of a type that is not supported
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { parseCertificate } from 'deadline-ssh/keys';
 * const { certificate } = parseCertificate(readFileSync('id_ed25519-cert.pub'));
 * const until = new Date(Number(certificate.validBefore) * 1000);
 * ```
 */
export function parseCertificate(data: Uint8Array | string): CertificateFile {
  try {
    const lines = splitLines(byteText(data)).filter((line) => !/^[ \t]*(#|$)/.test(line));
    const [line] = lines;
    if (line === undefined || lines.length > 1) {
      throw keyFormatError(`the file holds ${lines.length} lines, where one certificate is wanted`);
    }
    return parseLine(line);
  } catch (error) {
    throw asKeyError(error, 'certificate');
  }
}

/** A line in `latin1` characters. */
function parseLine(line: string): CertificateFile {
  const [, type, text = '', comment = ''] = /^[ \t]*([!-~]+)[ \t]+([!-~]+)(?:[ \t]+(.*))?$/.exec(line) ?? [];
  if (type === undefined) throw keyFormatError('this is not a certificate: no type and base64 text in it');
  const blob = base64Decode(text);
  if (!isCertificateName(type)) {
    if (blob !== undefined && text.startsWith('AAAA')) {
      throw keyUnsupportedError(
        `this is a public key (${escapeText(type, 80)}), where a certificate is wanted`,
      );
    }
    throw keyFormatError('this is not a certificate: no type and base64 text in it');
  }
  if (blob === undefined) throw keyFormatError('the certificate is damaged: it is not base64');
  const certificate = decodeCertificate(blob);
  if (certificate.type !== type) {
    throw keyFormatError(
      `the certificate is damaged: it says ${quoted(type)} and is of type ${quoted(certificate.type)}`,
    );
  }
  return { certificate, comment: latin1ToText(trimBlanks(comment)) };
}

/** What a certificate is to be good for. */
export interface CertificatePurpose {
  /** Whom it must be for. */
  readonly kind: Certificate['kind'];
  /** The host, or the user, that must be among its principals. */
  readonly principal: string;
  /** Seconds since 1970. */
  readonly now: number;
}

const forEver = 0xffff_ffff_ffff_ffffn;

/**
 * Checks everything in a certificate but its signature and its authority: kind,
 * time, principals, critical options. Principals are compared whole, those of a
 * host without regard to case. A certificate without principals is for nobody:
 * what it could be shown for is everything, and no authority should say that.
 *
 * @throws SshError `ERR_SSH_CERTIFICATE` that says which of them fails
 * @example
 * ```ts
 * import { checkCertificate, parseCertificate } from 'deadline-ssh/keys';
 * function check(text: string): void {
 *   const { certificate } = parseCertificate(text);
 *   checkCertificate(certificate, { kind: 'host', principal: 'web.example', now: Date.now() / 1000 });
 * }
 * ```
 */
export function checkCertificate(certificate: Certificate, purpose: CertificatePurpose): void {
  const { kind, validAfter, validBefore, principals, criticalOptions } = certificate;
  const now = BigInt(Math.floor(purpose.now));
  const fail = (why: string): never => {
    throw certificateError(`${certificateTitle(certificate)} ${why}`);
  };
  if (kind !== purpose.kind) fail(`is a ${kind}'s, where a ${purpose.kind}'s is wanted`);
  if (now < validAfter) fail(`is not valid before ${dateText(validAfter)}`);
  if (validBefore !== forEver && now >= validBefore) fail(`expired at ${dateText(validBefore)}`);
  if (principals.length === 0) fail('names nobody it is for; have it made anew with -n');
  if (!principals.some((principal) => isNamed(principal, purpose))) {
    fail(`is for ${escapeText(principals.join(', '), 200)}, not for ${escapeText(purpose.principal, 200)}`);
  }
  const unknown = [...criticalOptions.keys()][0];
  if (unknown !== undefined && kind === 'host') {
    fail(`has the critical option ${quoted(unknown)}, which is not known`);
  }
}

/** For messages: `the certificate "web" (serial 7)`. */
export function certificateTitle({ keyId, serial }: Certificate): string {
  return `the certificate ${quoted(keyId)} (serial ${serial})`;
}

/** The error of a certificate that does not hold. */
export function certificateError(message: string): SshError {
  return new SshError('ERR_SSH_CERTIFICATE', message, { phase: 'keyExchange' });
}

function isNamed(principal: string, { kind, principal: wanted }: CertificatePurpose): boolean {
  if (kind === 'user') return principal === wanted;
  return asciiLowerCase(principal) === asciiLowerCase(wanted);
}

/** Dates beyond what the language can write are given in seconds. */
function dateText(seconds: bigint): string {
  if (seconds > 8_640_000_000_000n) return `second ${seconds}`;
  const total = Number(seconds);
  const days = Math.floor(total / 86_400);
  const { year, month, day } = civil(days);
  const rest = total - days * 86_400;
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`;
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)} ${time} UTC`;
}

/** The date of a day counted from 1970, by whole eras of 400 years that begin in March. */
function civil(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}
