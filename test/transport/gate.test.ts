import { describe, expect, it } from 'vitest';
import { type GateView, judge } from '../../src/transport/gate/gate.ts';

const client: GateView = {
  role: 'client',
  gateState: 'connection',
  strict: true,
  peerRekeying: false,
  talksDuringRekey: 'nothing',
  extInfoAllowed: false,
  pingAllowed: false,
};

/** Numbers with a verdict, as ranges: `1-4 20`. */
function numbers(view: GateView, verdict: ReturnType<typeof judge>): string {
  const ranges: string[] = [];
  let start = -1;
  for (let number = 0; number <= 256; number++) {
    const hit = number < 256 && judge(view, number) === verdict;
    if (hit && start < 0) start = number;
    if (!hit && start >= 0) {
      ranges.push(start === number - 1 ? `${start}` : `${start}-${number - 1}`);
      start = -1;
    }
  }
  return ranges.join(' ');
}

describe('the gate: what may come', () => {
  it.each([
    ['before KEXINIT', { gateState: 'beforeKexInit' }, '1-4 20'],
    ['in the first key exchange under strict rules', { gateState: 'initialKeyExchange' }, '1 21 30-49'],
    ['in the first key exchange', { gateState: 'initialKeyExchange', strict: false }, '1-4 21 30-49'],
    ['a client that asked for a service', { gateState: 'service' }, '1-4 6 20'],
    ['a client right after NEWKEYS', { gateState: 'service', extInfoAllowed: true }, '1-4 6-7 20'],
    ['a server that waits for a service request', { gateState: 'service', role: 'server' }, '1-5 20'],
    ['a client that authenticates', { gateState: 'authentication' }, '1-4 20 51-60 62-79'],
    ['a server that authenticates', { gateState: 'authentication', role: 'server' }, '1-4 20 50 61'],
    ['a client on a connection', { gateState: 'connection' }, '1-4 20 80-82 90-100'],
    [
      'a client that may be pinged',
      { gateState: 'connection', pingAllowed: true },
      '1-4 20 80-82 90-100 192-193',
    ],
    ['a server on a connection', { gateState: 'connection', role: 'server' }, '1-4 20 50 80-82 90-100'],
    ['after the KEXINIT of a rekey', { gateState: 'connection', peerRekeying: true }, '1-4 21 30-49'],
    [
      'after the KEXINIT of a rekey, from a server that is known to talk on',
      { gateState: 'connection', peerRekeying: true, talksDuringRekey: 'channels' },
      '1-4 21 30-49 90-100',
    ],
    [
      'after the KEXINIT of a rekey, from a server that is known to answer',
      { gateState: 'connection', peerRekeying: true, talksDuringRekey: 'answers' },
      '1-4 21 30-49 81-82 92',
    ],
    [
      'the same before the connection',
      { gateState: 'authentication', peerRekeying: true, talksDuringRekey: 'answers' },
      '1-4 21 30-49',
    ],
    [
      'after the KEXINIT of a rekey in authentication',
      { gateState: 'authentication', peerRekeying: true },
      '1-4 21 30-49',
    ],
  ] as const)('%s', (_name, view, accepted) => {
    expect(numbers({ ...client, ...view }, 'accept')).toBe(accepted);
  });

  it('numbers nobody knows are answered with UNIMPLEMENTED, but never during a key exchange', () => {
    expect(numbers(client, 'unimplemented')).toBe('0 8-19 22-29 83-89 101-191 194-255');
    for (const gateState of ['beforeKexInit', 'initialKeyExchange'] as const) {
      expect(numbers({ ...client, gateState }, 'unimplemented')).toBe('');
    }
    expect(numbers({ ...client, peerRekeying: true }, 'unimplemented')).toBe('');
  });

  it('pings before authentication are unexpected, whatever was announced', () => {
    for (const gateState of ['service', 'authentication'] as const) {
      expect(judge({ ...client, gateState, pingAllowed: true }, 192)).toBe('unexpected');
    }
  });
});
