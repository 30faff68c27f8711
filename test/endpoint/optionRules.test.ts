/** The options that more than a type is to be said about: what each takes, alone and in a list. */
import { expect, it } from 'vitest';
import type { OptionRule } from '../../src/base/optionChecks.ts';
import {
  agentPath,
  certificate,
  certificates,
  duplexStream,
  hops,
  isClient,
  keyInput,
  keyInputs,
  passphrase,
  password,
  publicKeys,
  signatureNames,
  verifier,
} from '../../src/endpoint/options/optionRules.ts';

const call = (): void => {};
const bytes = Uint8Array.of(1);
const parsed = { type: 'ssh-ed25519' };
const file = { privateKey: parsed, comment: '' };
const client = { openPort: call };

const rows: readonly (readonly [
  name: string,
  rule: OptionRule,
  takes: readonly unknown[],
  refuses: readonly unknown[],
])[] = [
  [
    'keyInput',
    keyInput,
    ['text', bytes, parsed, file],
    ['', [], {}, { type: 7 }, { privateKey: 'x' }, 5, null],
  ],
  [
    'keyInputs',
    keyInputs,
    // The reader of the file tells that it is empty.
    ['text', '', parsed, [], ['text', '', bytes, parsed, file]],
    [[5], ['text', {}], [[]], 5, null],
  ],
  ['certificate', certificate, ['text', '', bytes, parsed], [[], {}, 5, null]],
  ['certificates', certificates, ['text', bytes, parsed, [], ['text', bytes, parsed]], [[5], ['x', {}], 5]],
  ['passphrase', passphrase, ['text', '', bytes, call], [5, [], {}, null]],
  ['password', password, ['text', '', call], [bytes, 5, [], {}]],
  ['agentPath', agentPath, ['/path', true, false], ['', 5, bytes, {}]],
  ['verifier', verifier, [call, { verify: call }], [{}, { verify: true }, 'x', null]],
  [
    'hops',
    hops,
    ['host', client, { host: 'a' }, [], ['host', client, { host: 'a' }]],
    ['', 5, null, [5], ['a', ''], call],
  ],
  [
    'duplexStream',
    duplexStream,
    [{ on: call, write: call, destroy: call }],
    [{ write: call, destroy: call }, { on: call, destroy: call }, { on: call, write: call }, { on: 1 }, 'x'],
  ],
  ['publicKeys', publicKeys, [[], [parsed]], [parsed, ['x'], [parsed, null], 5]],
  [
    'signatureNames',
    signatureNames,
    [[], ['ssh-ed25519', 'rsa-sha2-512', 'ssh-ed25519-cert-v01@openssh.com']],
    [['ssh-ed25519', 'nonsense'], ['ssh-ed25519', 7], 'ssh-ed25519', { every: () => true }, ['toString']],
  ],
];

it.each(rows)('%s takes what it says, and nothing else', (_, rule, takes, refuses) => {
  expect(takes.map((value) => [value, rule.accepts(value)])).toEqual(takes.map((value) => [value, true]));
  expect(refuses.map((value) => [value, rule.accepts(value)])).toEqual(
    refuses.map((value) => [value, false]),
  );
});

it('all that may hold a secret are told of by their type alone', () => {
  const secret = rows.filter(([, rule]) => rule.secret === true).map(([name]) => name);
  expect(secret).toEqual([
    'keyInput',
    'keyInputs',
    'certificate',
    'certificates',
    'passphrase',
    'password',
    'hops',
  ]);
});

it('a client is known by what a hop is used for', () => {
  expect([client, {}, { openPort: 1 }, null, 'x'].map(isClient)).toEqual([true, false, false, false, false]);
});
