/**
 * What ssh-audit says about this client: it listens, is connected to, and judges
 * the offer. Against the defaults it has nothing; what it dislikes is what
 * `algorithms: 'compatible'` adds for older servers.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { describe, expect, it } from 'vitest';
import { acceptAnyHostKey, type ConnectOptions, connect } from '../../src/entry/index.ts';
import { defaultPreferences } from '../../src/transport/kex/negotiation.ts';
import { freePort, serversRequired } from '../support/servers/index.ts';
import { missing } from './server.ts';

const obstacle = missing(['ssh-audit', '--help']);
const title = `ssh-audit of this client${obstacle === undefined ? '' : ` (${obstacle})`}`;

/**
 * Names of the offer that ssh-audit 2.5.0 (Debian 12) is older than: it has no
 * opinion of them, and says so as a warning. It is of December 2021, ML-KEM in
 * SSH and strict key exchange are of 2023 and 2024.
 */
const younger: readonly string[] = ['mlkem768x25519-sha256', 'kex-strict-c-v00@openssh.com'];

describe.skipIf(obstacle !== undefined && !serversRequired)(title, () => {
  it('has no failure and no warning for the defaults', async () => {
    const report = await audit({});
    for (const line of ['(kex) curve25519-sha256', '(key) ssh-ed25519', '(enc) aes128-gcm@openssh.com']) {
      expect(report).toContain(line);
    }
    expect(judgements(report).filter((judgement) => !isOfYounger(judgement))).toEqual([]);
  });

  it("dislikes of 'compatible' what it adds and nothing else", async () => {
    const report = await audit({ algorithms: 'compatible' });
    const disliked = new Set(
      judgements(report).flatMap((judgement) => (isOfYounger(judgement) ? [] : [judgement.name])),
    );
    const { kex, hostKey, mac } = defaultPreferences;
    expect([...disliked].filter((name) => [...kex, ...hostKey, ...mac].includes(name))).toEqual([]);
    // Versions differ over sntrup761 and group 14.
    for (const name of ['ecdh-sha2-nistp256', 'ecdsa-sha2-nistp256', 'hmac-sha2-256', 'hmac-sha2-512']) {
      expect(disliked).toContain(name);
    }
  });
});

interface Judgement {
  readonly name: string;
  readonly verdict: string;
}

function isOfYounger({ name, verdict }: Judgement): boolean {
  return younger.includes(name) && /unknown algorithm/.test(verdict);
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
