/** A password that has expired, from the client's call to the server's callback and back (RFC 4252 §8). */
import { expect, it } from 'vitest';
import { World } from '../sim/world.ts';
import { playIn } from '../support/scene.ts';

it.each([
  ['gives a new one', 'better', 'fulfilled'],
  ['gives one that the server refuses', 'worse', 'rejected'],
  ['gives none', undefined, 'rejected'],
] as const)('is changed in the middle of the dial: its user %s', async (_, given, outcome) => {
  const seen: unknown[] = [];
  const prompts: string[] = [];
  const world = new World({
    seed: 1,
    server: {
      failureDelay: 0,
      authentication: {
        password: (_username, password) => password === 'old' && { changePassword: 'It has expired.' },
        changePassword: (username, { oldPassword, newPassword }) => {
          seen.push([username, oldPassword, newPassword]);
          return newPassword === 'better';
        },
      },
    },
  });
  await playIn(world, async () => {
    await world.startServer();
    await world.call('connect', async () => {
      const client = await world.connect({
        privateKey: undefined,
        password: 'old',
        changePassword: (prompt) => {
          prompts.push(prompt);
          return given;
        },
      });
      await client.close();
    });
  });
  expect(prompts).toEqual(['It has expired.']);
  expect(seen).toEqual(given === undefined ? [] : [['user', 'old', given]]);
  expect(world.calls).toMatchObject([
    outcome === 'fulfilled' ? { outcome } : { outcome, error: { code: 'ERR_SSH_AUTHENTICATION_FAILED' } },
  ]);
});
