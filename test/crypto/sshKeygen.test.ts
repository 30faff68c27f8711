/**
 * Signatures exchanged with OpenSSH itself, in the form of PROTOCOL.sshsig.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import {
  decodePublicKey,
  decodeSignature,
  encodePublicKey,
  encodeSignature,
} from '../../src/crypto/keys/publicKey.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { describeWith, findProgram } from '../support/servers/programs.ts';
import { newEcdsaKey, newEd25519Key, newRsaKey, providers, utf8 } from './support.ts';

interface SshSignature {
  readonly publicKey: Uint8Array;
  readonly hash: string;
  readonly signature: Uint8Array;
}

const magic = utf8('SSHSIG');

function decodeSshSignature(armored: string): SshSignature {
  const base64 = armored.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
  const reader = new WireReader(new Uint8Array(Buffer.from(base64.join(''), 'base64')));
  expect(reader.copyBytes(6)).toEqual(magic);
  expect(reader.uint32()).toBe(1);
  const publicKey = reader.copyString();
  expect(reader.text()).toBe('file');
  reader.copyString();
  const hash = reader.text();
  const signature = reader.copyString();
  reader.end();
  return { publicKey, hash, signature };
}

function signedData(hash: string, message: Uint8Array): Uint8Array {
  const digest = createHash(hash).update(message).digest();
  return new WireWriter().bytes(magic).text('file').text('').text(hash).string(digest).copyWritten();
}

function armor(key: Uint8Array, hash: string, signature: Uint8Array): string {
  const blob = new WireWriter()
    .bytes(magic)
    .uint32(1)
    .string(key)
    .text('file')
    .text('')
    .text(hash)
    .string(signature)
    .copyWritten();
  const lines =
    Buffer.from(blob)
      .toString('base64')
      .match(/.{1,70}/g) ?? [];
  return ['-----BEGIN SSH SIGNATURE-----', ...lines, '-----END SSH SIGNATURE-----', ''].join('\n');
}

const message = utf8('a message for OpenSSH\n');

/** `ssh-keygen -Y sign -n file` of OpenSSH 9.2p1 over `message`, with keys that were made for this and thrown away. */
const fixtures: readonly [string, string][] = [
  [
    'ssh-ed25519',
    `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgodb+NLpnTZRikUA2DTUn1V1zuG
8zMJzjBYLh5Vo5McAAAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx
OQAAAEArY1ggd9fQpEOdasRQ7Xgr7VMXM9mMXy2IjLqJNSHT0Zm8sRfcnY8WNk2wVJbBFF
KbFlYrwKERIOxYmNscYVMF
-----END SSH SIGNATURE-----
`,
  ],
  [
    'ecdsa-sha2-nistp256',
    `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAGgAAAATZWNkc2Etc2hhMi1uaXN0cDI1NgAAAAhuaXN0cDI1NgAAAE
EEnl4xHeLZS8g0O8PZJzvJefR8v5tup3HD4fbCIMZmSInh3wnHl6KPhJoHNDg+F0nGvA2J
vtxt05+haypYtCyi3wAAAARmaWxlAAAAAAAAAAZzaGE1MTIAAABkAAAAE2VjZHNhLXNoYT
ItbmlzdHAyNTYAAABJAAAAIQCr0YEx/2Vq1qkCwyThGOdVzzcN2NiuaY/d+XlNArOg0QAA
ACB2BgmYECbS9EvaaOSWlxzafZGK4rKOoVxv0NB1x3nfYQ==
-----END SSH SIGNATURE-----
`,
  ],
  [
    'ecdsa-sha2-nistp384',
    `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAIgAAAATZWNkc2Etc2hhMi1uaXN0cDM4NAAAAAhuaXN0cDM4NAAAAG
EE5qddulux2QYMyOy8CLhDqremLzYlPaNyaqnwxFNmF4NovK9j+IQlTpPPEbUNVWDUZ/sK
R2Pi8QSlF+iQ7pbA98pco55RR0EJmP1ZrY2Rtew1OGa21ls4Oc9Nv3VjtLFIAAAABGZpbG
UAAAAAAAAABnNoYTUxMgAAAIMAAAATZWNkc2Etc2hhMi1uaXN0cDM4NAAAAGgAAAAwIvtG
c6Rq18et6O6RTJ6+IJfx0e5wwbtSIfrjJ6yYE+xtZLNTJSt00ksP7GbFK+85AAAAMAkahC
7C5qF3nDTYYn6tphMjMg6GmbtLMWTgxsUNl2m/l92lh94RiC9ADRIFvW81zw==
-----END SSH SIGNATURE-----
`,
  ],
  [
    'ecdsa-sha2-nistp521',
    `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAKwAAAATZWNkc2Etc2hhMi1uaXN0cDUyMQAAAAhuaXN0cDUyMQAAAI
UEAUgvQwS5qnDcrOA5EqDyYiNHKJWjJIQzsld0lApF0pG/x8AJAlGHegLGsfdSt2YKuxyU
t1rn5AeejjdkLJL3wZLaAJKyqytRXhs3CD7KiCkjdQj8L5+4hayLH7OCqr3XQ0Zez0P1/u
gF06VXwsktY7aBsXBQUZ4EJK6VVZvzmdAdbC3oAAAABGZpbGUAAAAAAAAABnNoYTUxMgAA
AKYAAAATZWNkc2Etc2hhMi1uaXN0cDUyMQAAAIsAAABCAMvKvPlSmRLv2x+oWSVvw5aq4b
l3Qhtnidx4RZPNwjB6pXpZU0YIIm0/UgLWtjFuzXnzk34O/tjmWFCG7t3k1E7WAAAAQURM
ul+QKh5Zxj6j37Q4oFx6OtglbgyA5AhYJ1ucloSaxjPqXejTbUXtmThNlplmWwEAJ0Osro
B8czoVW6eFKHsy
-----END SSH SIGNATURE-----
`,
  ],
  [
    'rsa-sha2-512',
    `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAARcAAAAHc3NoLXJzYQAAAAMBAAEAAAEBAJR7PJrl5Cx7LlO4yMAzGq
lInu0VIynXLXtv0l4IcG/ak7MITTk03hsg6Z/dtjEEY+Tbdtn4fRPE0XyoEJq/JhpX85VL
EL+pIH2lwKl154MNoUyZQ0/oXZMK/j+0fwhaJ1/HI31/aJhaTqNAuHpmk1mikv47MgSL5B
vulLWcogi7BQ9opCPL0LghJGBuK/lW9SLAZltt0pfibVT6pZ9Q8kxuu8L59PncH+AAeg34
uz+3vczBMz1zfG4JPPPON8RqjvPZE9EIxykLAlWDjkREw+Xhzer7EjBqKO9GEubu+Cps/h
guwcIRKj5QcF0OWRNlLlgo9DR7c3Dwke3hOVrupOcAAAAEZmlsZQAAAAAAAAAGc2hhNTEy
AAABFAAAAAxyc2Etc2hhMi01MTIAAAEAIrvs4EKpi4voPL4hRNJegqyT6fcfWiuTc5IJEN
d6TFHdNTxe5Fy+JrmzMN2T5oxw6x0zeMHQ++8zQXQvwiylqyiOw8dXmkvXdqhUPwd9terX
IlIBmzcmO6TF50foVv5QwI5fIHkDNbRdI+iwXG5Vl3wJ3ZiXFJnyZEpyyQ0Z6L9Huqs4dC
73TbO1sU48Xe69RK8usGG1XdrPQgFIE1PJLcxGEysj4qeSeqKjkoao0W+KHB1fwNNK7mYf
dgW3WIlTrwPeG5qRz7Lko1Dby5bNve40hoSXXQYO8RNGe5fznSai2IWc/px3V+6Nfs0VkS
6juAqs8oIW4iAfxd94E9c00A==
-----END SSH SIGNATURE-----
`,
  ],
];

describe('signatures that ssh-keygen 9.2 made', () => {
  describe.each(providers)('%s verifies', (_, provider) => {
    it.each(fixtures)('%s', (algorithm, armored) => {
      const { publicKey, hash, signature } = decodeSshSignature(armored);
      const decoded = decodeSignature(signature);
      expect(decoded.algorithm).toBe(algorithm);
      const key = decodePublicKey(publicKey);
      const data = signedData(hash, message);
      expect(provider.verify(algorithm, key, data, decoded.signature)).toBe(true);
      expect(provider.verify(algorithm, key, data.subarray(1), decoded.signature)).toBe(false);
    });
  });
});

const sshKeygen = findProgram('ssh-keygen') ?? 'ssh-keygen';

describeWith({ programs: ['ssh-keygen'] }, 'the ssh-keygen of this machine', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'signatures-'));
    writeFileSync(join(folder, 'message'), message);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const generated: readonly [string, string, string][] = [
    ['ssh-ed25519', 'ed25519', ''],
    ['ecdsa-sha2-nistp256', 'ecdsa', '256'],
    ['ecdsa-sha2-nistp384', 'ecdsa', '384'],
    ['ecdsa-sha2-nistp521', 'ecdsa', '521'],
    ['rsa-sha2-512', 'rsa', '2048'],
  ];

  it.each(generated)('signs with %s, and both providers verify', (algorithm, type, bits) => {
    const file = join(folder, `${type}${bits}`);
    const size = bits === '' ? [] : ['-b', bits];
    execFileSync(sshKeygen, ['-q', '-t', type, ...size, '-N', '', '-C', '', '-f', file]);
    const messageFile = join(folder, `message-${type}${bits}`);
    writeFileSync(messageFile, message);
    execFileSync(sshKeygen, ['-Y', 'sign', '-f', file, '-n', 'file', messageFile], { stdio: 'pipe' });
    const { publicKey, hash, signature } = decodeSshSignature(readFileSync(`${messageFile}.sig`, 'utf8'));
    const decoded = decodeSignature(signature);
    expect(decoded.algorithm).toBe(algorithm);
    const key = decodePublicKey(publicKey);
    for (const [, provider] of providers) {
      expect(provider.verify(algorithm, key, signedData(hash, message), decoded.signature)).toBe(true);
    }
  });

  const keys: readonly [string, PrivateKey][] = [
    ['ssh-ed25519', newEd25519Key()],
    ['ecdsa-sha2-nistp256', newEcdsaKey('nistp256')],
    ['ecdsa-sha2-nistp384', newEcdsaKey('nistp384')],
    ['ecdsa-sha2-nistp521', newEcdsaKey('nistp521')],
    ['rsa-sha2-256', newRsaKey(2048)],
    ['rsa-sha2-512', newRsaKey(3072)],
  ];

  describe.each(providers)('verifies what %s signs', (name, provider) => {
    it.each(keys)('%s', (algorithm, key) => {
      const blob = encodePublicKey(key.publicKey);
      const signature = encodeSignature(
        algorithm,
        provider.sign(algorithm, key, signedData('sha512', message)),
      );
      const file = join(folder, `${name}-${algorithm}`);
      writeFileSync(`${file}.sig`, armor(blob, 'sha512', signature));
      writeFileSync(`${file}.allowed`, `me ${key.type} ${Buffer.from(blob).toString('base64')}\n`);
      const run = (input: Uint8Array) =>
        spawnSync(
          sshKeygen,
          ['-Y', 'verify', '-f', `${file}.allowed`, '-I', 'me', '-n', 'file', '-s', `${file}.sig`],
          { input, encoding: 'utf8' },
        );
      const good = run(message);
      expect(good.stderr + good.stdout).toMatch(/^Good "file" signature for me/);
      expect(good.status).toBe(0);
      expect(run(utf8('another message')).status).not.toBe(0);
    });
  });
});
