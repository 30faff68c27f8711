/**
 * What ssh-audit says about this client: it listens, is connected to, and judges
 * the offer. What it dislikes of the defaults is listed here with the reason why
 * it is offered all the same, and is offered last; it dislikes nothing else.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { describe, expect, it } from 'vitest';
import { acceptAnyHostKey, type ConnectOptions, connect } from '../../src/entry/index.ts';
import { defaultPreferences } from '../../src/transport/negotiation.ts';
import { freePort, serversRequired } from '../support/servers/index.ts';
import { missing } from './server.ts';

const obstacle = missing(['ssh-audit', '--help']);
const title = `ssh-audit of this client${obstacle === undefined ? '' : ` (${obstacle})`}`;

/** By a pattern of the name: what is disliked, and who could not be reached without it. */
const kept: readonly { readonly name: RegExp; readonly verdict: RegExp; readonly who: string }[] = [
  {
    name: /^ecdh-sha2-nistp/,
    verdict: /elliptic curves/,
    who: 'servers in FIPS mode, which have no Curve25519',
  },
  {
    name: /^ecdsa-sha2-nistp/,
    verdict: /elliptic curves|weak random number generator/,
    who: 'hosts that known_hosts knows by their ECDSA key alone, as OpenSSH wrote it for years',
  },
  {
    name: /^hmac-sha2-(?:256|512)$/,
    verdict: /encrypt-and-MAC/,
    who: 'servers such as Twisted Conch, which have AES in counter mode and these',
  },
  {
    name: /^sntrup761x25519/,
    verdict: /experimental algorithm/,
    who: 'OpenSSH 9.0 to 9.8 against adversaries with quantum computers; later versions of the program like it',
  },
  // Not a judgement: the program is older than they are.
  { name: /^(?:mlkem|sntrup|kex-strict|ext-info)/, verdict: /unknown algorithm/, who: 'everybody' },
];

/** Without the last row. */
const disliked = kept.slice(0, -1);

describe.skipIf(obstacle !== undefined && !serversRequired)(title, () => {
  it('dislikes nothing of the defaults but what is kept for old servers', async () => {
    const report = await audit({});
    expect(report).toContain('(kex) curve25519-sha256');
    expect(report).toContain('(enc) chacha20-poly1305@openssh.com');
    expect(judgements(report).filter((judgement) => !isKept(judgement))).toEqual([]);
  });

  it('has nothing to say against the defaults without these', async () => {
    const { kex, hostKey, mac } = defaultPreferences;
    const remove = [...kex, ...hostKey, ...mac].filter((name) => disliked.some((row) => row.name.test(name)));
    expect(remove.length).toBeGreaterThanOrEqual(8);
    const report = await audit({ algorithms: { kex: { remove }, hostKey: { remove }, mac: { remove } } });
    expect(judgements(report).filter(({ verdict }) => !/unknown algorithm/.test(verdict))).toEqual([]);
  });

  it('is offered what it dislikes behind what it likes', () => {
    const isDisliked = (name: string): boolean => disliked.some((row) => row.name.test(name));
    for (const names of [defaultPreferences.kex, defaultPreferences.hostKey, defaultPreferences.mac]) {
      expect(isDisliked(names[0] ?? '')).toBe(false);
    }
  });
});

interface Judgement {
  readonly name: string;
  readonly verdict: string;
}

function isKept({ name, verdict }: Judgement): boolean {
  return kept.some((row) => row.name.test(name) && row.verdict.test(verdict));
}

/** Lines of the report that are failures or warnings. */
function judgements(report: string): readonly Judgement[] {
  let name = '';
  return report.split('\n').flatMap((line) => {
    name = /^\((?:kex|key|enc|mac)\) (\S+)/.exec(line)?.[1] ?? name;
    return /\[(?:fail|warn)\]/.test(line) ? [{ name, verdict: line.trim() }] : [];
  });
}

/** The whole report, in text. */
async function audit(options: Partial<ConnectOptions>): Promise<string> {
  const port = await freePort();
  const program = spawn('ssh-audit', ['-n', '-c', '-p', String(port), '-t', '30'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let report = '';
  for (const stream of [program.stdout, program.stderr]) {
    stream.on('data', (chunk) => {
      report += String(chunk);
    });
  }
  const ended = once(program, 'close');
  await expect.poll(() => dial(port, options), { timeout: 20_000, interval: 100 }).toBe(true);
  await ended;
  return report;
}

/** Whether it was there to be connected to; it never gets as far as a key exchange. */
async function dial(port: number, options: Partial<ConnectOptions>): Promise<boolean> {
  const listens = await new Promise<boolean>((resolve) => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      void connect({
        stream: socket,
        username: 'nobody',
        verifyHostKey: acceptAnyHostKey(),
        ...options,
      }).catch(() => {});
      resolve(true);
    });
  });
  return listens;
}
