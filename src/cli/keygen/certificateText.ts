/**
 * What a certificate says (`-L`).
 *
 * Owns: the lines, as ssh-keygen prints them; texts of the certificate are escaped.
 * Must not know: who trusts whom.
 */
import { escapeText, toHex, utf8Decode } from '../../base/bytes.ts';
import type { Certificate } from '../../crypto/keys/certificate.ts';
import { fingerprint } from '../../keys/fingerprint.ts';
import { parseCertificate } from '../../keys/openssh/certificateFile.ts';
import { WireReader } from '../../wire/reader.ts';
import type { KeygenContext } from './context.ts';
import { fingerprintHash, shortName } from './fingerprints.ts';
import { about, readKeyFile } from './keyFiles.ts';
import type { KeygenArguments } from './keygenArguments.ts';
import { namedKey } from './namedKey.ts';

const forEver = 0xffff_ffff_ffff_ffffn;

export async function showCertificate(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const path = await namedKey(args, context);
  const bytes = await readKeyFile(path);
  const { certificate } = about(path, () => parseCertificate(bytes));
  const hash = fingerprintHash(args);
  const { type, kind, publicKey, authority, signatureAlgorithm, keyId, serial } = certificate;
  const lines = [
    `Type: ${type} ${kind} certificate`,
    `Public key: ${shortName(publicKey)}-CERT ${fingerprint(publicKey, hash)}`,
    `Signing CA: ${shortName(authority)} ${fingerprint(authority, hash)} (using ${signatureAlgorithm})`,
    `Key ID: "${escapeText(keyId, 1024)}"`,
    `Serial: ${serial}`,
    `Valid: ${validity(certificate)}`,
    ...listed(
      'Principals',
      certificate.principals.map((name) => escapeText(name, 1024)),
    ),
    ...listed('Critical Options', options(certificate.criticalOptions)),
    ...listed('Extensions', options(certificate.extensions)),
  ];
  context.print(`${path}:\n${lines.map((line) => `        ${line}\n`).join('')}`);
  return 0;
}

function listed(title: string, values: readonly string[]): string[] {
  if (values.length === 0) return [`${title}: (none)`];
  return [`${title}: `, ...values.map((value) => `        ${value}`)];
}

function options(values: ReadonlyMap<string, Uint8Array>): string[] {
  return [...values].map(([name, value]) => {
    const named = escapeText(name, 200);
    if (value.length === 0) return named;
    return `${named} ${optionValue(value)}`;
  });
}

/** Values are strings within strings; what is none is shown in hex. */
function optionValue(value: Uint8Array): string {
  try {
    const reader = new WireReader(value);
    const text = utf8Decode(reader.viewString(), true);
    reader.end();
    if (text !== undefined) return escapeText(text, 1024);
  } catch {
    // Shown as it is.
  }
  return `UNKNOWN OPTION: ${toHex(value)}`;
}

function validity({ validAfter, validBefore }: Certificate): string {
  if (validAfter === 0n) return validBefore === forEver ? 'forever' : `before ${localTime(validBefore)}`;
  if (validBefore === forEver) return `after ${localTime(validAfter)}`;
  return `from ${localTime(validAfter)} to ${localTime(validBefore)}`;
}

/** In the time zone of this machine, without its name. */
function localTime(seconds: bigint): string {
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return `second ${seconds}`;
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
