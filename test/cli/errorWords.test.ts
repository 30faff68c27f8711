/** What errors of the library say in the command: never the name of a function. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { messageOf, subcommandNames, systemWords } from '../../src/cli/errorWords.ts';
import { jsonError } from '../../src/cli/remote/jsonReport.ts';
import { subcommands } from '../../src/cli/subcommands.ts';
import { parsePrivateKey } from '../../src/keys/privateKey/parsePrivateKey.ts';
import { parsePublicKey } from '../../src/keys/publicKeyFile.ts';
import { nothingInCommon } from '../../src/transport/kex/nothingInCommon.ts';
import { sourceFiles } from '../architecture/sources.ts';
import { fixture } from '../keys/fixtures.ts';

const entries = ['index', 'keys', 'server', 'protocol', 'wire', 'diagnostics'] as const;

function errorOf(run: () => unknown): SshError {
  try {
    run();
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
  throw new Error('an error was expected');
}

describe('a message', () => {
  it('has the option of the command in place of that of the library', () => {
    const compatible = nothingInCommon('kex', ['curve25519-sha256'], ['ecdh-sha2-nistp384']);
    expect(compatible.message).toContain("algorithms: { kex: { append: ['ecdh-sha2-nistp384'] } }");
    expect(messageOf(compatible)).toMatch(/offers it only when told to; try --algorithms compatible$/);
    const legacy = nothingInCommon('hostKey', ['ssh-ed25519'], ['ssh-rsa']);
    expect(messageOf(legacy)).toMatch(
      /broken or weak, and offers it only when told to; try --algorithms legacy$/,
    );
    const byName = nothingInCommon('mac', ['hmac-sha2-256'], ['umac-64@openssh.com']);
    expect(messageOf(byName)).toMatch(/offers it only when told to$/);
  });

  it('says which subcommand may be meant by a host that there is none of', () => {
    expect(subcommandNames).toEqual([...subcommands.keys()]);
    const unknown = (host: string): string =>
      messageOf(new SshError('ERR_SSH_CONNECT', 'there is no such host (ENOTFOUND)', { host, port: 22 }));
    expect(unknown('flet')).toBe('there is no such host (ENOTFOUND); the subcommand fleet may be meant');
    expect(unknown('sfpt')).toContain('the subcommand sftp may be meant');
    expect(unknown('db.example')).toBe('there is no such host (ENOTFOUND)');
  });

  it('says of files and sockets what the system says, and not by which call', () => {
    const fault = (code: string): Error => Object.assign(new Error(`${code}: x, open 'y'`), { code });
    expect(systemWords(fault('ENOENT'))).toBe('there is no such file or folder');
    expect(systemWords(fault('EISDIR'))).toBe('it is a folder');
    expect(systemWords(new Error('else'))).toBe('else');
    expect(messageOf(new SshError('ERR_SSH_OPTIONS', 'localAddress must be an address, not "x"'))).toBe(
      'the address to bind (-b, BindAddress) must be an address, not "x"',
    );
  });

  it('says what a terminal is good for where a host key is unknown', () => {
    const error = new SshError('ERR_SSH_HOST_KEY_UNKNOWN', 'the key is not in the file', {
      hint: 'or pin it with pinnedHostKey',
    });
    expect(error.message).toBe('the key is not in the file; or pin it with pinnedHostKey');
    expect(messageOf(error)).toBe(
      'the key is not in the file; or connect from a terminal, which shows the key and asks',
    );
  });

  it('leaves out what only a program can do', () => {
    const locked = errorOf(() => parsePrivateKey(fixture('ed25519/openssh-aes256-ctr.enc')));
    expect(locked.message).toContain('`passphrase`');
    expect(messageOf(locked)).toMatch(/is encrypted and no passphrase was given$/);
    const certificate = errorOf(() =>
      parsePublicKey(`ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5 x`),
    );
    expect(certificate.message).toContain('parseCertificate');
    expect(messageOf(certificate)).not.toContain('parseCertificate');
    const large = new SshError('ERR_SSH_MAX_BUFFER', 'the command wrote more than maxBuffer, 10 bytes');
    expect(messageOf(large)).toBe('the command wrote more than 10 bytes');
  });

  it('is the same in --json', () => {
    const error = new SshError('ERR_SSH_HOST_KEY_UNKNOWN', 'unknown', { hint: 'call f' });
    const line = jsonError(error, { timings: {}, elapsed: 1, bytesReceived: 0 });
    expect((JSON.parse(line) as { error: { message: string } }).error.message).toBe(messageOf(error));
  });

  it('that has no hint stays as it is, of whatever error', () => {
    expect(messageOf(new SshError('ERR_SSH_CLOSED', 'closed'))).toBe('closed');
    expect(messageOf(new Error('odd'))).toBe('odd');
    expect(messageOf('thrown')).toBe('thrown');
  });
});

describe('the texts of the library', () => {
  it('name its functions in hints only, or where they are about arguments of its own', async () => {
    const names = new Set<string>();
    for (const entry of entries) {
      const module = (await import(`../../src/entry/${entry}.ts`)) as Record<string, unknown>;
      for (const [name, value] of Object.entries(module)) {
        if (typeof value === 'function' && /^[a-z]+[A-Z]/.test(name)) names.add(name);
      }
    }
    expect(names.size).toBeGreaterThan(30);
    const named = new RegExp(`(?<![\\w$.{])(${[...names].join('|')})\\b`);
    const found: string[] = [];
    let texts = 0;
    for (const { path, text } of sourceFiles(fileURLToPath(new URL('../../', import.meta.url)))) {
      if (/^src\/(cli|entry|server|diagnostics)\/|\/otherNames\.ts$/.test(path)) continue;
      for (const { literal, isHint, isAboutArguments } of literalsOf(text)) {
        texts++;
        const match = named.exec(literal);
        if (match !== null && !isHint && !isAboutArguments) found.push(`${path}: ${literal}`);
      }
    }
    expect(texts).toBeGreaterThan(500);
    expect(found).toEqual([]);
  });
});

interface Literal {
  readonly literal: string;
  readonly isHint: boolean;
  /** Said to a program that calls the library, which the command does rightly. */
  readonly isAboutArguments: boolean;
}

/** Texts of several words in a source, and what they are for. */
function literalsOf(source: string): Literal[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const found: Literal[] = [];
  for (const match of code.matchAll(/'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g)) {
    const literal = (match[1] ?? match[2] ?? '').replace(/\$\{[^}]*\}/g, '');
    if (!literal.includes(' ')) continue;
    const before = code.slice(Math.max(0, match.index - 200), match.index);
    const isAboutArguments =
      /(?:takes: |[oO]ptionsError\(\s*|'ERR_SSH_OPTIONS', |checkArgument\(\s*|objectWith\(\s*|askUser\(\s*)$/.test(
        before,
      );
    found.push({ literal, isHint: /hint: $/.test(before), isAboutArguments });
  }
  return found;
}
