/**
 * The genuine ssh, as a judge of configurations.
 *
 * Owns: which programs there are, what release each is, how one is asked, and the
 * rules and names that follow from its release.
 * Must not know: which configurations it is asked about.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { answerAll } from '../../src/config/answer.ts';
import type { Facts } from '../../src/config/reading/facts.ts';
import { type OpenSsh, openSsh } from '../../src/config/reading/openssh.ts';
import { formatKeywords, keywordsOf } from '../../src/config/reading/output.ts';
import { resolve } from '../../src/config/reading/resolve.ts';
import { nodeConfigPlatform } from '../../src/node/config/configPlatform.ts';
import { trixie } from '../interop/servers/daemons.ts';

/** A program and what is known of it. */
export interface Judge {
  readonly name: string;
  readonly command: readonly string[];
  /** Of OpenSSH: 9.2 is 902, 10.0 is 1000. */
  readonly release: number;
  readonly isDebian: boolean;
  readonly dialect: OpenSsh;
  /** Keywords that it prints. */
  readonly printed: ReadonlySet<string>;
}

/** What came of one question. */
export interface Answer {
  /** By keyword; undefined where it was refused. */
  readonly keywords: ReadonlyMap<string, readonly string[]> | undefined;
  /** The places that it complains of. */
  readonly complaints: readonly string[];
  /** All that it said, for people. */
  readonly said: string;
}

/** What is asked. */
export interface Case {
  readonly file: string;
  readonly host: string;
  readonly overrides: readonly string[];
}

const library = `${trixie}/lib/x86_64-linux-gnu:${trixie}/usr/lib/x86_64-linux-gnu`;

/** The ssh of this machine, and that of Debian 13 where the laboratory has it. */
const commands: readonly (readonly string[])[] = [
  ['/usr/bin/ssh'],
  [`${trixie}/lib64/ld-linux-x86-64.so.2`, '--library-path', library, `${trixie}/usr/bin/ssh`],
];

/** The programs that are here. */
export function judges(): readonly Judge[] {
  return commands.filter((command) => existsSync(command.at(-1) ?? '')).map(judgeOf);
}

function run(command: readonly string[], args: readonly string[]): string {
  const [program = '', ...first] = command;
  return execFileSync(program, [...first, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

function judgeOf(command: readonly string[]): Judge {
  const [program = '', ...first] = command;
  const version = execFileSync('/bin/sh', ['-c', '"$0" "$@" -V 2>&1', program, ...first], {
    encoding: 'utf8',
  });
  const [, major = '0', minor = '0', portable = ''] = /^OpenSSH_(\d+)\.(\d+)(p\d+)?/.exec(version) ?? [];
  const isDebian = version.includes('Debian');
  const query = (kind: string): readonly string[] => run(command, ['-Q', kind]).trim().split('\n');
  const byDefault = keywordsIn(run(command, ['-G', '-F', 'none', 'host.invalid']));
  const names = (keyword: string): readonly string[] => (byDefault.get(keyword)?.[0] ?? '').split(',');
  const one = (keyword: string): string => byDefault.get(keyword)?.[0] ?? '';
  return {
    name: `OpenSSH ${major}.${minor}${portable}`,
    command,
    release: Number(major) * 100 + Number(minor),
    isDebian,
    printed: new Set(byDefault.keys()),
    dialect: {
      version: version.split(',')[0]?.replace(/ .*/, '') ?? '',
      ciphers: query('cipher'),
      macs: query('mac'),
      kex: query('kex'),
      keys: query('key-sig'),
      shortKeyNames: openSsh.shortKeyNames,
      defaults: {
        ciphers: names('ciphers'),
        macs: names('macs'),
        kex: names('kexalgorithms'),
        keys: names('pubkeyacceptedalgorithms'),
        signatures: names('casignaturealgorithms'),
        identityFiles: byDefault.get('identityfile') ?? [],
        serviceClasses: one('ipqos'),
        xauthLocation: one('xauthlocation'),
        others: { forwardx11trusted: one('forwardx11trusted') },
      },
    },
  };
}

function keywordsIn(text: string): ReadonlyMap<string, readonly string[]> {
  const keywords = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const end = line.indexOf(' ');
    const keyword = (end < 0 ? line : line.slice(0, end)).toLowerCase();
    keywords.set(keyword, [...(keywords.get(keyword) ?? []), end < 0 ? '' : line.slice(end + 1)]);
  }
  return keywords;
}

/** Asks the genuine program. */
export async function theirs({ command }: Judge, { file, host, overrides }: Case): Promise<Answer> {
  const [program = '', ...first] = command;
  const options = overrides.flatMap((option) => ['-o', option]);
  const child = spawn(program, [...first, '-G', '-F', file, ...options, host], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  const status = await new Promise<number | null>((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
  if (status === 0) return { keywords: keywordsIn(output), complaints: [], said: errors };
  // What it does not support is told and passed over.
  const told = errors.replace(/^.*Unsupported option.*$/gm, '');
  const places = [...told.matchAll(/^(\S+?):? line (\d+)[:. ]/gm)].map(([, path, line]) => `${path}:${line}`);
  return { keywords: undefined, complaints: [...new Set(places)], said: errors };
}

/** Asks this library, with the rules of the same release. */
export async function ours({ dialect }: Judge, { file, host, overrides }: Case): Promise<Answer> {
  // The genuine program takes the home folder of the password file.
  const facts: Facts = { ...nodeConfigPlatform.facts(), homes: () => userInfo().homedir };
  const source = { path: file, isUsers: true, isGuarded: false, isNeeded: true };
  const work = resolve({ host, overrides, sources: [source], openSsh: dialect }, facts);
  const bounds = { timeout: 30_000, signal: undefined, fileSize: 1024 * 1024 };
  try {
    const resolution = await answerAll(work, nodeConfigPlatform, bounds);
    return { keywords: keywordsIn(formatKeywords(keywordsOf(resolution))), complaints: [], said: '' };
  } catch (error) {
    const { code, problems, message } = error as {
      code?: string;
      problems?: { file: string; line: number }[];
      message: string;
    };
    if (code?.startsWith('ERR_SSH_') !== true || code === 'ERR_SSH_INTERNAL') throw error;
    const places = (problems ?? []).map((problem) => `${problem.file}:${problem.line}`);
    return { keywords: undefined, complaints: [...new Set(places)], said: `${code} ${message}` };
  }
}
