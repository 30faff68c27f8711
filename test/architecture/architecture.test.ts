import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  chance,
  fileLength,
  importsExist,
  layerOrder,
  longestFile,
  noCycles,
  opening,
  packageImports,
  platformGlobals,
  platformImports,
  type Rule,
  synchronousCore,
  timers,
} from './rules.ts';
import { type SourceFile, sourceFiles } from './sources.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const source = sourceFiles(root);
const bench = sourceFiles(root, 'bench');
const demo = sourceFiles(root, 'demo');

const file = (path: string, text: string): SourceFile => ({ path, text });
const header = '/**\n * A file.\n *\n * Owns: something.\n * Must not know: the rest.\n */\n';

/** Each rule with samples that break it and samples that come close and do not. */
const rules: readonly {
  readonly name: string;
  readonly rule: Rule;
  readonly over: readonly SourceFile[];
  readonly bad: Readonly<Record<string, readonly SourceFile[]>>;
  readonly good: Readonly<Record<string, readonly SourceFile[]>>;
}[] = [
  {
    name: 'imports point down',
    rule: layerOrder,
    over: source,
    bad: {
      'a layer above': [file('src/wire/a.ts', "import { b } from '../packet/b.ts';")],
      'a type of a layer above': [file('src/io/a.ts', "import type { B } from '../client/b.ts';")],
      'a re-export of a layer above': [file('src/base/a.ts', "export * from '../wire/b.ts';")],
      'code loaded later from a layer above': [
        file('src/keys/a.ts', "export const load = () => import('../node/b.ts');"),
      ],
      'a test': [file('src/node/a.ts', "import { b } from '../../test/b.ts';")],
      'a room of its own folder that is a layer above': [
        file('src/sftp/packet/a.ts', "import { b } from '../protocol/b.ts';"),
      ],
      'a synchronous room and a layer that waits': [
        file('src/sftp/protocol/a.ts', "import type { B } from '../../io/b.ts';"),
      ],
      'a folder that is no layer': [file('src/misc/a.ts', '')],
    },
    good: {
      'the same layer and those below': [
        file('src/packet/a.ts', "import { b } from './b.ts';\nimport type { C } from '../base/c.ts';"),
      ],
      'a room of the same folder that is a layer below': [
        file('src/sftp/files/a.ts', "import { b } from '../packet/b.ts';"),
      ],
      'an example in a comment': [file('src/base/a.ts', "/**\n * import { b } from '../cli/b.ts';\n */")],
    },
  },
  {
    name: 'no file needs itself',
    rule: noCycles,
    over: source,
    bad: {
      'two files': [
        file('src/base/a.ts', "import { b } from './b.ts';"),
        file('src/base/b.ts', "import { a } from './a.ts';"),
      ],
      'three files, one of them a re-export': [
        file('src/base/a.ts', "import { b, type B } from './b.ts';"),
        file('src/base/b.ts', "export { c } from './c.ts';"),
        file('src/base/c.ts', "import './a.ts';"),
      ],
      'a file and itself': [file('src/base/a.ts', "import { a } from './a.ts';")],
      'types that name each other': [
        file('src/base/a.ts', "import type { B } from './b.ts';"),
        file('src/base/b.ts', "import { type A, type A2 } from './a.ts';"),
      ],
    },
    good: {
      'two ways to the same file': [
        file('src/base/a.ts', "import { b } from './b.ts';\nimport { c } from './c.ts';"),
        file('src/base/b.ts', "import { c } from './c.ts';"),
        file('src/base/c.ts', ''),
      ],
    },
  },
  {
    name: 'imports name files that exist, with their extension',
    rule: importsExist,
    over: source,
    bad: {
      'no extension': [file('src/base/a.ts', "import './b';"), file('src/base/b.ts', '')],
      'no such file': [file('src/base/a.ts', "import type { C } from './c.ts';")],
    },
    good: { 'a file beside it': [file('src/base/a.ts', "import './b.ts';"), file('src/base/b.ts', '')] },
  },
  {
    name: 'node: is imported in node/ and cli/ only',
    rule: platformImports,
    over: source,
    bad: {
      'a value': [file('src/io/a.ts', "import { connect } from 'node:net';")],
      'a type where none is agreed upon': [
        file('src/client/a.ts', "import type { Socket } from 'node:net';"),
      ],
      'a value where types are agreed upon': [
        file('src/endpoint/streams.ts', "import { Duplex } from 'node:stream';"),
      ],
      'code loaded later': [file('src/crypto/a.ts', "const c = await import('node:crypto');")],
    },
    good: {
      'node/ and cli/': [
        file('src/node/a.ts', "import { connect } from 'node:net';"),
        file('src/cli/a.ts', "import 'node:tty';"),
      ],
      'the types that are agreed upon': [
        file('src/endpoint/streams.ts', "import type { Duplex } from 'node:stream';"),
      ],
    },
  },
  {
    name: 'packages are imported in crypto/ and keys/ only, and only @noble',
    rule: packageImports,
    over: source,
    bad: {
      'noble elsewhere': [file('src/transport/a.ts', "import { sha256 } from '@noble/hashes/sha2.js';")],
      'noble in node/': [file('src/node/crypto/a.ts', "import { sha256 } from '@noble/hashes/sha2.js';")],
      'another package': [file('src/crypto/a.ts', "import nacl from 'tweetnacl';")],
    },
    good: {
      'the two layers': [
        file('src/crypto/noble/a.ts', "import { sha256 } from '@noble/hashes/sha2.js';"),
        file('src/keys/a.ts', "import { scrypt } from '@noble/hashes/scrypt.js';"),
      ],
    },
  },
  {
    name: 'below io/ nothing waits, reads a clock or draws randomness',
    rule: synchronousCore,
    over: source,
    bad: Object.fromEntries(
      [
        'const now = Date.now();',
        'const now = performance.now();',
        'setTimeout(step, 10);',
        'queueMicrotask(step);',
        'let done: Promise<void>;',
        'export async function step(): void {}',
        'const r = Math.random();',
        'globalThis.crypto.getRandomValues(bytes);',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the sample is source text
        'const text = `at ${Date.now()}`;',
      ].map((line) => [line, [file('src/protocol/a.ts', line)]]),
    ),
    good: {
      'the words in comments and texts': [
        file(
          'src/keys/a.ts',
          "// Date and Promise\nconst a = 'await setTimeout'; /* async */ const b = `Date`;",
        ),
      ],
      'loaders behind the crypto seam': [file('src/crypto/provider/slot.ts', 'load(): Promise<void>;')],
      'io/ and above': [file('src/io/clock.ts', 'setTimeout(step, 10);')],
    },
  },
  {
    name: 'timers are set by the clock only',
    rule: timers,
    over: source,
    bad: {
      'a timer in io/': [file('src/io/driver.ts', 'setTimeout(step, 10);')],
      'a timer in node/': [file('src/node/a.ts', 'const t = setInterval(step, 10);')],
      'a signal with a timer in it': [file('src/client/a.ts', 'const s = AbortSignal.timeout(10);')],
    },
    good: {
      'the clock and the command': [
        file('src/io/clock.ts', 'setTimeout(step, 10);'),
        file('src/cli/a.ts', 'setTimeout(step, 10);'),
      ],
      'the method of a socket': [
        file('src/node/a.ts', 'setTimeout(milliseconds: number): this {}\nstream.setTimeout(10);'),
      ],
    },
  },
  {
    name: 'chance comes from the platform',
    rule: chance,
    over: source,
    bad: { 'chance of the engine': [file('src/client/a.ts', 'const at = Math.random();')] },
    good: { 'in a text': [file('src/client/a.ts', "const a = 'Math.random';")] },
  },
  {
    name: 'globals of a platform are used in node/ and cli/ only',
    rule: platformGlobals,
    over: source,
    bad: {
      Buffer: [file('src/io/a.ts', "const a = Buffer.from('');")],
      console: [file('src/client/a.ts', 'console.log(1);')],
    },
    good: {
      'in node/': [file('src/node/a.ts', "const a = Buffer.from('');")],
      'a property of that name': [file('src/keys/a.ts', 'const a = view.Buffer;')],
    },
  },
  {
    name: 'files begin with what they own and must not know',
    rule: opening,
    over: [...source, ...demo],
    bad: {
      'no comment': [file('src/base/a.ts', 'export const a = 1;')],
      'a comment that says neither': [file('src/base/a.ts', '/** A file. */\n')],
      'a comment that says one': [file('src/base/a.ts', '/**\n * Owns: a.\n */\n')],
      'code before it': [file('src/base/a.ts', `const a = 1;\n${header}`)],
    },
    good: {
      'the comment': [file('src/base/a.ts', header)],
      'the comment below the line that names the interpreter': [
        file('src/cli/main.ts', `#!/usr/bin/env node\n${header}`),
      ],
    },
  },
];

describe.each(rules)('$name', ({ rule, over, bad, good }) => {
  it('holds', () => {
    expect(over.length).toBeGreaterThan(0);
    expect(rule(over)).toEqual([]);
  });

  it.each(Object.entries(bad))('is broken by: %s', (_name, files) => {
    expect(rule(files)).not.toEqual([]);
  });

  it.each(Object.entries(good))('is kept by: %s', (_name, files) => {
    expect(rule(files)).toEqual([]);
  });
});

it('tells which files have grown beyond what one idea takes, most of the time', () => {
  const long = fileLength([...source, ...bench, ...demo]);
  for (const line of long) console.info(`note: ${line}`);
  expect(fileLength([file('src/base/a.ts', '\n'.repeat(longestFile + 1))])).toHaveLength(1);
  expect(fileLength([file('src/base/a.ts', '\n'.repeat(longestFile))])).toEqual([]);
});
