/**
 * Conversations with real servers, recorded and played back: whoever changes a
 * byte of what the client says, or what it makes of what it hears, learns it here.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { describeServer, type ServerKind, serverKinds } from '../support/servers/index.ts';
import {
  protectedLines,
  type Recording,
  record,
  recordingPath,
  recordingsFolder,
  replay,
  replayCut,
} from './recording.ts';
import { type Plan, plans, seedOf, storyOf } from './stories.ts';
import { storyKeyLine } from './story.ts';

const providers = { noble: createEagerNobleProvider, openssl: createOpensslProvider };
const names = Object.keys(plans);

/** `npm run record` writes the recordings that the tests below play back. */
const writes = process.env['RECORD'] === '1';

describe('a recorded conversation', () => {
  it('is there for each plan, and for nothing else', () => {
    const files = readdirSync(recordingsFolder).filter((name) => name !== 'README.md');
    expect(files.sort()).toEqual(names.map((name) => `${name}.json`).sort());
  });

  it('is in the table of where they come from, with the server that it was held with', () => {
    const readme = readFileSync(`${recordingsFolder}README.md`, 'utf8');
    const rows = [...readme.matchAll(/^\| `([^`]+)\.json` \| `([^`]+)` \| .+ \|$/gm)];
    const held = names.map((name) => {
      const { outcome } = JSON.parse(readFileSync(recordingPath(name), 'utf8')) as Recording;
      return [name, outcome.server];
    });
    expect(rows.map(([, name, server]) => [name, server]).sort()).toEqual(held.sort());
  });

  describe.each(writes ? [] : names)('%s', (name) => {
    const recording = JSON.parse(readFileSync(recordingPath(name), 'utf8')) as Recording;

    it.each(Object.keys(providers) as (keyof typeof providers)[])(
      'gets the answers that it got then, byte for byte, by %s',
      async (provider) => {
        const { difference, outcome } = await replay(recording, providers[provider]);
        expect(difference).toBe('');
        expect(outcome).toEqual(recording.outcome);
      },
    );

    it('comes out the same in whatever chunks it comes', async () => {
      const lengths = fc.infiniteStream(
        fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 3_000 })),
      );
      await fc.assert(
        fc.asyncProperty(lengths, async (stream) => {
          const cut = (): number => stream.next().value as number;
          expect(await replayCut(recording, cut, createOpensslProvider)).toEqual(recording.outcome);
        }),
        { numRuns: 10 },
      );
    });

    it('is noticed to be another one where a byte of it is changed', async () => {
      const places = await protectedLines(recording, createOpensslProvider);
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...places), fc.nat(), async (index, position) => {
          const { difference, outcome } = await replay(
            changedAt(recording, index, position),
            createOpensslProvider,
          );
          expect({ difference, outcome }).not.toEqual({ difference: '', outcome: recording.outcome });
        }),
        { numRuns: 25 },
      );
    });
  });
});

/** With one bit of one line of the server turned. */
function changedAt(recording: Recording, index: number, position: number): Recording {
  const lines = recording.lines.map((line, i) => {
    if (i !== index || !('server' in line)) return line;
    const bytes = Buffer.from(line.server, 'base64');
    const at = position % bytes.length;
    bytes[at] = (bytes[at] as number) ^ 1;
    return { server: bytes.toString('base64') };
  });
  return { ...recording, lines };
}

for (const kind of serverKinds) {
  const own = Object.entries(plans).filter(([, plan]) => plan.server === kind.name);
  const withPassword = own.filter(([, plan]) => plan.credentials.includes('right'));
  const others = own.filter((plan) => !withPassword.includes(plan));
  recorded('a conversation recorded now', kind, others, {});
  // Only root can make an account with a password that the test knows.
  recorded('a conversation with a password, recorded now', kind, withPassword, { root: true });
}

function recorded(
  title: string,
  kind: ServerKind,
  rows: readonly (readonly [string, Plan])[],
  needs: { readonly root?: boolean },
): void {
  if (rows.length === 0) return;
  describeServer(
    title,
    kind,
    (lab) => {
      it.each(rows)('%s goes as the plan says, and can be played back', async (name, plan) => {
        const server = await kind.start(lab(), {
          hostKeys: [plan.hostKey],
          userKeys: [],
          authorizedKeys: [storyKeyLine(seedOf(name))],
        });
        const { name: user, password = '' } = lab().account;
        const story = storyOf(name, plan, { name: user, password });
        const recording = await record(story, server.port, createEagerNobleProvider);
        expect(await replay(recording, createEagerNobleProvider)).toEqual({
          difference: '',
          outcome: recording.outcome,
        });
        expect(recording.outcome.commands).toHaveLength(plan.commands.length);
        if (writes) {
          mkdirSync(recordingsFolder, { recursive: true });
          writeFileSync(recordingPath(name), `${JSON.stringify(recording, undefined, 1)}\n`);
        }
        await server.stop();
      });
    },
    needs,
  );
}
