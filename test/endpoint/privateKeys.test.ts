/** Private keys in every form in which a program gives them, read in steps. */
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { asList, loadKey, loadKeys, parseWithPauses } from '../../src/endpoint/privateKeys.ts';
import { formatPrivateKey, generateKey } from '../../src/entry/keys.ts';
import { CurveMissingError, type KeyArithmetic } from '../../src/keys/arithmetic.ts';
import { opensslKeyArithmetic } from '../../src/node/crypto/keyArithmetic.ts';
import { seededBytes } from '../support/conversation.ts';

const key = generateKey('ed25519', { randomBytes: seededBytes(3) });
const text = formatPrivateKey(key, { comment: 'mine' });
const locked = formatPrivateKey(key, { comment: 'mine', passphrase: 'words', rounds: 1 });

function settings(arithmetic: KeyArithmetic | undefined) {
  const counted = { pauses: 0, limits: defaultLimits, arithmetic, pause: async () => void counted.pauses++ };
  return counted;
}

describe.each<[string, KeyArithmetic | undefined]>([
  ['in TypeScript', undefined],
  ['of the runtime', opensslKeyArithmetic],
])('by arithmetic %s', (_, arithmetic) => {
  it('a key is the same as text, as bytes, parsed and as a parsed file', async () => {
    const all = await loadKeys(
      [text, utf8Encode(text), { privateKey: key, comment: 'mine' } as never, key],
      settings(arithmetic),
    );
    expect(all.map((one) => one.key.publicKey)).toEqual(Array(4).fill(key.publicKey));
    expect(all.map(({ comment }) => comment)).toEqual(['mine', 'mine', 'mine', '']);
    expect(await loadKeys(undefined, settings(arithmetic))).toEqual([]);
    expect(await loadKeys(text, settings(arithmetic))).toHaveLength(1);
  });

  it('a key with a passphrase is opened in steps, and the event loop has its turn between them', async () => {
    const given = settings(arithmetic);
    let steps = 0;
    const opened = await loadKey(locked, 'words', given, () => void steps++);
    expect(opened).toMatchObject({ key: { publicKey: key.publicKey }, comment: 'mine' });
    expect(given.pauses).toBeGreaterThan(0);
    expect(steps).toBe(given.pauses);
    await expect(loadKey(locked, 'other', given)).rejects.toMatchObject({ code: 'ERR_SSH_KEY_PASSPHRASE' });
    await expect(loadKey('nothing', undefined, given)).rejects.toMatchObject({ code: 'ERR_SSH_KEY_FORMAT' });
  });

  it('work on a key ends between two steps where it is to end', async () => {
    const given = settings(arithmetic);
    const fault = new Error('given up');
    const working = parseWithPauses(utf8Encode(locked), 'words', given, () => {
      throw fault;
    });
    await expect(working).rejects.toBe(fault);
    expect(given.pauses).toBe(1);
  });
});

it('arithmetic of the runtime that lacks a curve is taken from TypeScript, and that alone', async () => {
  const without = (fault: unknown): KeyArithmetic => ({
    ed25519PublicKey: () => {
      throw fault;
    },
    ecPublicKey: () => {
      throw fault;
    },
  });
  const loaded = await loadKey(text, undefined, settings(without(new CurveMissingError('no such curve'))));
  expect(loaded.key.publicKey).toEqual(key.publicKey);
  const fault = new TypeError('a fault');
  await expect(loadKey(text, undefined, settings(without(fault)))).rejects.toBe(fault);
});

it('one is a list of one, and none is none', () => {
  expect([asList(undefined), asList(text), asList([key, text])]).toEqual([[], [text], [key, text]]);
});
