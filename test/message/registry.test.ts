/** Messages met without knowing which they are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import * as wire from '../../src/entry/wire.ts';
import {
  channelRequestTypes,
  channelTypes,
  decodeMessage,
  encodeMessage,
  globalRequestNames,
  type MessageContext,
} from '../../src/message/registry.ts';
import { allMessages } from './messages.ts';
import { allPayloads } from './payloads.ts';
import { hexBytes, lengthAnd } from './support.ts';

const contexts: readonly MessageContext[] = [
  {},
  { kex: 'dh', authenticationMethod: 'password' },
  { kex: 'ecdh', authenticationMethod: 'publickey' },
  { kex: 'groupExchange', authenticationMethod: 'keyboard-interactive' },
];

describe('decodeMessage', () => {
  it('finds every message in one context or another', () => {
    expect(new Set(allMessages.map(({ codec }) => codec.name)).size).toBeGreaterThan(35);
    for (const { codec, encoded, example } of allMessages) {
      const found = contexts.some((context) => {
        try {
          const decoded = decodeMessage(encoded, context);
          if (decoded.codec !== codec) return false;
          expect(decoded).toMatchObject({ name: codec.name, number: encoded[0], value: example });
          return true;
        } catch (error) {
          expect(error).toBeInstanceOf(SshError);
          return false;
        }
      });
      expect(found, codec.name).toBe(true);
    }
  });

  it('tells the key exchange families apart by context', () => {
    const payload = hexBytes('1e 00000004 00000001');
    expect(decodeMessage(payload, { kex: 'ecdh' }).name).toBe('SSH_MSG_KEX_ECDH_INIT');
    expect(() => decodeMessage(payload, { kex: 'dh' })).toThrow(/SSH_MSG_KEXDH_INIT: an mpint/);
    expect(() => decodeMessage(hexBytes('22'), { kex: 'dh' })).toThrow(/has no meaning here/);
  });

  it('reads a hostbound query, which has no codec of its own, as a request of any method', () => {
    const payload = hexBytes(
      '32',
      lengthAnd('me'),
      lengthAnd('ssh-connection'),
      lengthAnd('publickey-hostbound-v00@openssh.com'),
      '00',
    );
    expect(decodeMessage(payload).name).toBe('SSH_MSG_USERAUTH_REQUEST');
  });

  it('refuses an empty payload and numbers without a meaning', () => {
    expect(() => decodeMessage(new Uint8Array(0))).toThrow(/an empty payload/);
    expect(() => decodeMessage(Uint8Array.of(211))).toThrow(/message 211 has no meaning here/);
  });

  it('meets any bytes under any number with a value that survives, or with ERR_SSH_DECODE', () => {
    const valid = fc.constantFrom(...allMessages.map((row) => row.encoded));
    const damaged = fc
      .tuple(valid, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 6 }))
      .map(([encoded, where, patch]) => {
        const bytes = encoded.slice();
        const at = where % bytes.length;
        bytes.set(patch.subarray(0, bytes.length - at), at);
        return bytes;
      });
    fc.assert(
      fc.property(
        fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })),
        fc.constantFrom(...contexts),
        (payload, context) => {
          try {
            const { codec, value } = decodeMessage(payload, context);
            const again = decodeMessage(encodeMessage(codec, value), context);
            expect(again.codec).toBe(codec);
            expect(again.value).toEqual(value);
          } catch (error) {
            expect(error).toBeInstanceOf(SshError);
            expect((error as SshError).code).toBe('ERR_SSH_DECODE');
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('tables of payloads', () => {
  it('hold every payload known here under its own name', () => {
    const tables = [channelTypes, channelRequestTypes, globalRequestNames];
    const listed = tables.flatMap((table) => [...table.values()]);
    const withoutName = ['tcpip-forward reply', 'hostkeys-prove-00@openssh.com reply', 'host key proof'];
    const all = allPayloads.map((row) => row.codec).filter((codec) => !withoutName.includes(codec.name));
    expect(new Set<unknown>(listed)).toEqual(new Set<unknown>(all));
    for (const table of tables) for (const [name, codec] of table) expect(codec.name).toBe(name);
  });
});

describe('deadline-ssh/wire', () => {
  it('gives out every message codec', () => {
    const exported = new Set<unknown>(Object.values(wire));
    for (const { codec } of [...allMessages, ...allPayloads]) {
      expect(exported.has(codec), codec.name).toBe(true);
    }
  });
});
