/**
 * A whole client session. The peer has the keys: its lies are sealed as truths are.
 *
 * Owns: where a session begins, by the input's first byte.
 * Must not know: engines.
 */
import type { Stage } from '../../support/conversation.ts';
import { corpusOf } from '../corpus.ts';
import { Player, tightLimits } from '../player.ts';
import { decodeRecords } from '../records.ts';
import { type FuzzTarget, fine, type Verdict } from '../target.ts';

const stages: readonly Stage[] = ['start', 'identified', 'keysExchanged', 'authentication', 'ready'];

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const player = new Player({
    stage: stages[(data[0] ?? 0) % stages.length] as Stage,
    limits: tightLimits,
    honest: false,
  });
  for (const record of decodeRecords(data, 1).slice(0, 200)) player.play(record);
  const cause = player.finish();
  return cause === undefined ? fine : { code: cause.code, phase: cause.phase };
}

export const session: FuzzTarget = {
  name: 'session',
  shape: 'records',
  examine,
  seeds: () => corpusOf('session'),
  stepBudget: 20_000_000,
  dictionary: [
    'ssh-userauth',
    'ssh-connection',
    'publickey',
    'password',
    'keyboard-interactive',
    'session',
    'direct-tcpip',
    'forwarded-tcpip',
    'x11',
    'auth-agent@openssh.com',
    'exit-status',
    'exit-signal',
    'keepalive@openssh.com',
    'hostkeys-00@openssh.com',
    'server-sig-algs',
    'ping@openssh.com',
    'ext-info-s',
    'kex-strict-s-v00@openssh.com',
    'curve25519-sha256',
    'chacha20-poly1305@openssh.com',
    'ssh-ed25519',
    'none',
    'SSH-2.0-x\r\n',
  ],
};
