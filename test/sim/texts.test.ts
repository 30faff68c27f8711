/** Names, passwords, commands and variables of any text arrive as they were given. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Decode, utf8Encode } from '../../src/base/bytes.ts';
import { playIn } from '../support/scene.ts';
import { World } from './world.ts';

const codePoints = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));
/** Any UTF-16 at all, halves of pairs by themselves among it. */
const codeUnits = fc.string({
  unit: fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  maxLength: 60,
});
/** No program on the other side could take a NUL: it is refused (test/client/options). */
const withoutNul = (text: string): boolean => !text.includes('\0');
const texts = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: codePoints, maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(...'\0\n\r\t\x1b \'"\\$`;|&<>*?~'), maxLength: 20 }),
  codeUnits,
);
const foreign = texts.filter(withoutNul);
const names = foreign.filter((text) => text !== '');

/** What a text is once it went over a wire: halves of pairs cannot. */
function sent(text: string): string {
  return utf8Decode(utf8Encode(text));
}

describe('texts of any kind', () => {
  it('log in: user names and passwords', async () => {
    await fc.assert(
      fc.asyncProperty(names, texts, async (username, password) => {
        const seen: string[][] = [];
        await playIn(new World({ seed: 1 }), async (world) => {
          await world.startServer({
            authentication: {
              password: (name, given) => {
                seen.push([name, given]);
                return true;
              },
            },
          });
          const client = await world.connect({ username, password, privateKey: [] });
          await client.close();
        });
        expect(seen).toEqual([[sent(username), sent(password)]]);
      }),
      { numRuns: 60 },
    );
  });

  it('answer prompts, and are asked by them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(texts, { minLength: 1, maxLength: 4 }), async (answers) => {
        let seen: readonly string[] | undefined;
        await playIn(new World({ seed: 1 }), async (world) => {
          await world.startServer({
            authentication: {
              keyboardInteractive: async (_, ask) => {
                seen = await ask({
                  name: '',
                  instruction: '',
                  prompts: answers.map((prompt) => ({ prompt, echo: true })),
                });
                return true;
              },
            },
          });
          const client = await world.connect({ privateKey: [], keyboardInteractive: () => answers });
          await client.close();
        });
        expect(seen).toEqual(answers.map(sent));
      }),
      { numRuns: 40 },
    );
  });

  it('are run: commands, variables and their names', async () => {
    await fc.assert(
      fc.asyncProperty(foreign, names, foreign, async (command, name, value) => {
        let seen: unknown;
        await playIn(new World({ seed: 1 }), async (world) => {
          await world.startServer({
            exec: async (process, given) => {
              seen = [given, [...process.env]];
              return 0;
            },
          });
          const client = await world.connect();
          await client.run(command, { env: { [name]: value } });
          await client.close();
        });
        expect(seen).toEqual([sent(command), [[sent(name), sent(value)]]]);
      }),
      { numRuns: 60 },
    );
  });
});
