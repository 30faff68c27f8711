/**
 * Certificates of every kind, the bad ones too, without any program.
 *
 * Owns: the writing of a certificate, with whatever a test wants wrong in it.
 */
import { utf8Encode } from '../../src/base/bytes.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { encodePublicKey, encodeSignature, type PublicKey } from '../../src/crypto/keys/publicKey.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import type { CryptoProvider } from '../../src/crypto/provider/provider.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { seededBytes } from './conversation.ts';

export const testProvider: CryptoProvider = createEagerNobleProvider({ randomBytes: seededBytes(5) });

export const forEver = 0xffff_ffff_ffff_ffffn;

export interface CertificateContent {
  readonly key: PublicKey;
  readonly authority: PrivateKey;
  /** Of the authority's signature. */
  readonly algorithm?: string;
  readonly kind?: number;
  readonly keyId?: string;
  readonly serial?: bigint;
  readonly principals?: readonly string[];
  readonly validAfter?: bigint;
  readonly validBefore?: bigint;
  readonly criticalOptions?: readonly (readonly [string, Uint8Array])[];
  readonly extensions?: readonly (readonly [string, Uint8Array])[];
  /** In place of the authority's public key blob. */
  readonly authorityBlob?: Uint8Array;
  /** In place of the type that belongs to the key. */
  readonly type?: string;
  /** In place of the signature blob. */
  readonly signature?: Uint8Array;
}

const defaultAlgorithms: Readonly<Record<string, string>> = { 'ssh-rsa': 'rsa-sha2-512' };

/** The blob of a certificate, signed truly unless the content says otherwise. */
export function makeCertificate(content: CertificateContent): Uint8Array {
  const { key, authority, principals = ['host.example'], kind = 2 } = content;
  const { keyId = 'test', serial = 1n, validAfter = 0n, validBefore = forEver } = content;
  const type = content.type ?? `${key.type.replace(/@openssh\.com$/, '')}-cert-v01@openssh.com`;
  const fields = new WireReader(encodePublicKey(key));
  fields.name();
  const names = new WireWriter();
  for (const principal of principals) names.text(principal);
  const writer = new WireWriter()
    .text(type)
    .string(new Uint8Array(32).fill(7))
    .bytes(fields.viewRest())
    .uint64(serial)
    .uint32(kind)
    .text(keyId)
    .string(names.copyWritten())
    .uint64(validAfter)
    .uint64(validBefore)
    .string(optionBytes(content.criticalOptions))
    .string(optionBytes(content.extensions))
    .text('')
    .string(content.authorityBlob ?? encodePublicKey(authority.publicKey));
  const algorithm = content.algorithm ?? defaultAlgorithms[authority.type] ?? authority.type;
  const signature =
    content.signature ??
    encodeSignature(algorithm, testProvider.sign(algorithm, authority, writer.copyWritten()));
  return writer.string(signature).copyWritten();
}

/** An option's value, wrapped as certificates have it. */
export function optionValue(text: string): Uint8Array {
  return new WireWriter().text(text).copyWritten();
}

/** The line of a certificate file. */
export function certificateLine(blob: Uint8Array, comment = ''): string {
  const type = new WireReader(blob).name();
  return `${type} ${Buffer.from(blob).toString('base64')}${comment === '' ? '' : ` ${comment}`}\n`;
}

function optionBytes(options: readonly (readonly [string, Uint8Array])[] = []): Uint8Array {
  const writer = new WireWriter();
  for (const [name, value] of options) writer.string(utf8Encode(name)).string(value);
  return writer.copyWritten();
}
