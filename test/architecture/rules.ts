/**
 * The rules of the source tree, each a function from files to what breaks it.
 *
 * Owns: the order of the layers and the exceptions, by file.
 * Must not know: where the files come from.
 */
import { posix } from 'node:path';
import { codeOf, type ImportStatement, importsOf, type SourceFile } from './sources.ts';

/**
 * Low to high: a file imports from its own layer and from lower ones. A room of a
 * folder that is named here is a layer by itself.
 */
export const layers: readonly string[] = [
  'base',
  'wire',
  'message',
  'crypto',
  'packet',
  'transport',
  'userauth',
  'connection',
  'protocol',
  'keys',
  'sftp/packet',
  'sftp/protocol',
  'forwarding/socks',
  'config/syntax',
  'config/reading',
  'io',
  'endpoint',
  'sftp',
  'forwarding',
  'server',
  'client',
  'config',
  'diagnostics',
  'node',
  'cli',
  'entry',
];

/** Lines from which on two ideas may share a file: a hint, and no reason to cut one. */
export const longestFile = 420;

/** Types of the platform that a layer above `io/` has in its public interface; erased when it is built. */
const platformTypes: Readonly<Record<string, readonly string[]>> = {
  'src/endpoint/streams.ts': ['node:stream'],
  'src/endpoint/httpAgent.ts': ['node:http'],
};

/**
 * The crypto seam loads code when it is first negotiated: the core hands the
 * loaders to those above `io/` and never awaits one.
 */
const loaders: ReadonlySet<string> = new Set([
  'src/crypto/provider/assemble.ts',
  'src/crypto/provider/load.ts',
  'src/crypto/noble/packet/rareSlots.ts',
  'src/crypto/noble/slots.ts',
  'src/crypto/provider/provider.ts',
  'src/crypto/provider/slot.ts',
  'src/transport/events.ts',
]);

const waiting: ReadonlySet<string> = new Set(['Promise', 'async', 'await']);

/** A rule lists what breaks it, a line each. */
export type Rule = (files: readonly SourceFile[]) => string[];

/** Imports point down. */
export const layerOrder: Rule = (files) =>
  files.flatMap((file) => {
    const own = layers.indexOf(layerOf(file.path));
    if (own < 0) return [`${file.path}: no such layer`];
    return localImports(file)
      .filter(({ target }) => layers.indexOf(layerOf(target)) > own || !target.startsWith('src/'))
      .map(({ target }) => `${file.path} imports ${target}, which is above it`);
  });

/** No file needs itself, not even for types: who reads one must be able to stop somewhere. */
export const noCycles: Rule = (files) => {
  const graph = new Map(files.map((file) => [file.path, localImports(file).map(({ target }) => target)]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
    if (done.has(path) || trail.includes(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
};

/** Every relative import names a file that exists, with its extension. */
export const importsExist: Rule = (files) => {
  const paths = new Set(files.map(({ path }) => path));
  return files.flatMap((file) =>
    localImports(file)
      .filter(({ target }) => !paths.has(target))
      .map(({ target }) => `${file.path} imports ${target}, which does not exist`),
  );
};

/** The platform is known to `node/` and `cli/` alone. */
export const platformImports: Rule = (files) =>
  files.flatMap((file) =>
    importsOf(file.text)
      .filter(({ specifier }) => specifier.startsWith('node:'))
      .filter((statement) => !mayImportPlatform(file.path, statement))
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  );

/** Cryptography of others is used behind the seam only, and no other package at all. */
export const packageImports: Rule = (files) =>
  files.flatMap((file) =>
    importsOf(file.text)
      .filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
      .filter(
        ({ specifier }) =>
          !specifier.startsWith('@noble/') || !['crypto', 'keys'].includes(layerOf(file.path)),
      )
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  );

/** Below `io/` nothing waits, reads a clock or draws randomness of its own. */
export const synchronousCore: Rule = (files) =>
  files.filter(isCore).flatMap((file) =>
    words(
      file,
      /\b(?:Promise|async|await|Date|performance|set(?:Timeout|Interval|Immediate)|queueMicrotask|Atomics|getRandomValues|randomUUID)\b|\bMath\s*\.\s*random\b/g,
    )
      .filter((word) => !(waiting.has(word) && loaders.has(file.path)))
      .map((word) => `${file.path} uses ${word}`),
  );

/**
 * A timer is set by the clock, so that every wait is in the ledger and a virtual clock moves them all. The method
 * of a socket that has this name is no timer: it is declared with `milliseconds`, and called on a `stream`.
 */
export const timers: Rule = (files) =>
  files
    .filter(({ path }) => path !== 'src/io/clock.ts' && layerOf(path) !== 'cli')
    .flatMap((file) =>
      words(
        file,
        /(?<!\bstream\.)\bset(?:Timeout|Interval)\b(?!\(milliseconds: number)|\bAbortSignal\s*\.\s*timeout\b/g,
      ).map((word) => `${file.path} uses ${word}`),
    );

/** Chance comes from the platform, so that a simulation has the same again. */
export const chance: Rule = (files) =>
  files.flatMap((file) => words(file, /\bMath\s*\.\s*random\b/g).map((word) => `${file.path} uses ${word}`));

/** Globals that only one platform has are used where that platform is known. */
export const platformGlobals: Rule = (files) =>
  files
    .filter(({ path }) => !['node', 'cli'].includes(layerOf(path)))
    .flatMap((file) =>
      words(file, /(?<![.\w])(?:Buffer|console|Deno|Bun|__dirname|__filename|require)\b(?!\s*:)/g).map(
        (word) => `${file.path} uses ${word}`,
      ),
    );

/** A file that has grown beyond this wants to be two. */
export const fileLength: Rule = (files) =>
  files.flatMap(({ path, text }) => {
    const lines = text.split('\n').length - 1;
    return lines > longestFile ? [`${path} has ${lines} lines`] : [];
  });

/** A file says first what it owns and what it must not know. */
export const opening: Rule = (files) =>
  files
    .filter(({ text }) => {
      const comment = /^(?:#![^\n]*\n)?\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? '';
      return !/^ \* Owns: /m.test(comment) || !/^ \* Must not know: /m.test(comment);
    })
    .map(({ path }) => `${path} does not begin with what it owns and must not know`);

function isCore({ path }: SourceFile): boolean {
  const layer = layers.indexOf(layerOf(path));
  return layer >= 0 && layer < layers.indexOf('io');
}

function layerOf(path: string): string {
  const [, folder = '', room] = path.split('/');
  const named = `${folder}/${room}`;
  return layers.includes(named) ? named : folder;
}

function localImports(file: SourceFile): { readonly target: string; readonly typeOnly: boolean }[] {
  return importsOf(file.text)
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier, typeOnly }) => ({
      target: posix.join(posix.dirname(file.path), specifier),
      typeOnly,
    }));
}

function mayImportPlatform(path: string, { specifier, typeOnly }: ImportStatement): boolean {
  if (['node', 'cli'].includes(layerOf(path))) return true;
  return typeOnly && platformTypes[path]?.includes(specifier) === true;
}

function words({ text }: SourceFile, pattern: RegExp): string[] {
  return [...new Set([...codeOf(text).matchAll(pattern)].map(([word]) => word))];
}
