/**
 * What is given in place of what a public function takes: it is refused in words of this
 * library that say what was wanted, and never by an accident inside.
 */
import { expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import * as config from '../../src/entry/config.ts';
import * as diagnostics from '../../src/entry/diagnostics.ts';
import * as index from '../../src/entry/index.ts';
import * as keys from '../../src/entry/keys.ts';
import * as protocol from '../../src/entry/protocol.ts';
import * as server from '../../src/entry/server.ts';
import * as wire from '../../src/entry/wire.ts';

const entries = { index, keys, config, diagnostics, server, wire, protocol };

const wrongOnes: readonly unknown[] = [undefined, null, 5, '', {}, []];

/** Classes that calls hand out, and that nobody makes. */
const handedOut = [
  ...['Agent', 'Client', 'Forward', 'Pool', 'RemoteProcess', 'Sftp', 'SftpFile', 'Tunnel'],
  ...[
    'SshServer',
    'ServerConnection',
    'ServerProcess',
    'Channel',
    'AllowedSigners',
    'KnownHosts',
    'RevokedKeys',
  ],
];

/** Made or called for each packet, with types as their only check; `encodeMessage` and its kin stand before them. */
const forEachPacket = ['WireReader', 'WireWriter', 'PacketOpener', 'PacketSealer', 'ByteQueue', 'WaitTable'];
const unchecked = /\.(encode|decode)$/;

type Call = (...given: unknown[]) => unknown;

function* membersOf(name: string, owner: object): Generator<readonly [string, Call]> {
  for (const member of Object.getOwnPropertyNames(owner)) {
    const value: unknown = Reflect.get(owner, member);
    if (typeof value !== 'function' || member === 'prototype') continue;
    yield [`${name}.${member}`, (...given) => Reflect.apply(value, owner, given)];
  }
}

function isClass(value: unknown): value is new (...given: unknown[]) => unknown {
  return typeof value === 'function' && Function.prototype.toString.call(value).startsWith('class');
}

function* callsOf(name: string, value: unknown): Generator<readonly [string, Call]> {
  if (forEachPacket.includes(name)) return;
  if (isClass(value)) {
    // What makes one of these inside takes parts of a connection.
    if (name !== 'Tunnel') yield* membersOf(name, value);
    if (!handedOut.includes(name)) yield [`new ${name}`, (...given) => new value(...given)];
  } else if (typeof value === 'function') {
    yield [name, (...given) => Reflect.apply(value, undefined, given)];
  } else if (typeof value === 'object' && value !== null) {
    yield* membersOf(name, value);
  }
}

const calls = Object.entries(entries).flatMap(([entry, exported]) =>
  Object.entries(exported).flatMap(([name, value]) =>
    [...callsOf(name, value)]
      .filter(([called]) => !unchecked.test(called))
      .map(([called, call]) => ({ called: `${entry}: ${called}`, call })),
  ),
);

/** What comes of a call, to its end. */
async function outcome(call: Call, given: readonly unknown[]): Promise<unknown> {
  try {
    const made = call(...given);
    if (typeof made === 'object' && made !== null && 'next' in made && typeof made.next === 'function')
      made.next();
    const result = await made;
    if (
      typeof result === 'object' &&
      result !== null &&
      'close' in result &&
      typeof result.close === 'function'
    )
      await result.close();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Each argument alone, with those before it as wrong, and all at once. */
function* argumentLists(): Generator<readonly unknown[]> {
  yield [];
  for (const wrong of wrongOnes) for (const length of [1, 4]) yield Array(length).fill(wrong);
}

it('every public function says what it takes, whatever it is given', async () => {
  const accidents: string[] = [];
  let refused = 0;
  for (const { called, call } of calls) {
    for (const given of argumentLists()) {
      const error = await outcome(call, given);
      if (error === undefined) continue;
      refused++;
      const isOurs =
        error instanceof SshError
          ? error.code !== 'ERR_SSH_INTERNAL'
          : error instanceof TypeError && / must be /.test(error.message);
      if (!isOurs)
        accidents.push(`${called}(${given.map((one) => JSON.stringify(one)).join(', ')}): ${String(error)}`);
    }
  }
  expect(accidents).toEqual([]);
  expect([calls.length > 100, refused > 500]).toEqual([true, true]);
});

it.each([
  ['encodePublicKey', () => keys.encodePublicKey({ type: 'ssh-rsa' } as never)],
  ['decodePublicKey', () => keys.decodePublicKey('ssh-ed25519 AAAA' as never)],
  ['decodeCertificate', () => keys.decodeCertificate([] as never)],
  ['checkCertificate', () => keys.checkCertificate({} as never, {} as never)],
  ['wipePrivateKey', () => keys.wipePrivateKey('key' as never)],
  ['formatPrivateKey', () => keys.formatPrivateKey({ type: 'ssh-ed25519' } as never)],
  ['formatMessageSignature', () => keys.formatMessageSignature({} as never)],
  ['formatReport', () => diagnostics.formatReport({} as never)],
  ['registerMetrics', () => diagnostics.registerMetrics({} as never)],
  ['loadAll', () => protocol.loadAll({} as never)],
])('%s is named where it is given something else', async (_name, call) => {
  expect(await outcome(call, [])).toMatchObject({
    code: 'ERR_SSH_OPTIONS',
    message: expect.stringMatching(/^the \w+ (for|of) \w+ must be .*, not /),
  });
});
