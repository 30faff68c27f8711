/**
 * The modules of `dist`. A program pays for each file that it loads and for each
 * line in it: what an entry always needs comes in as few files as the entries
 * allow, what only some connections need (ciphers, large groups, ML-KEM…) stays
 * in files of its own.
 */
import { resolve } from 'node:path';

/** From what needs the least to what needs the most. */
const entries = ['wire', 'diagnostics', 'keys', 'protocol', 'server', 'index'];
const sourceOf = (name) => `src/entry/${name}.ts`;

/** Everything that comes with a module whether it is used or not. */
function closureOf(id, context, found = new Set()) {
  if (found.has(id)) return found;
  found.add(id);
  for (const imported of context.getModuleInfo(id)?.importedIds ?? []) closureOf(imported, context, found);
  return found;
}

const closures = new Map();

/** What one entry alone always needs is one file, and what several need goes with the least of them. */
function chunkOf(id, context) {
  for (const name of entries) {
    if (!closures.has(name)) closures.set(name, closureOf(resolve(sourceOf(name)), context));
  }
  const users = entries.filter((name) => closures.get(name).has(id));
  if (users.length === 0 || entries.some((name) => id === resolve(sourceOf(name)))) return null;
  return users.length === 1 ? `${users[0]}Only` : users[0];
}

export default {
  input: {
    ...Object.fromEntries(entries.map((name) => [`entry/${name}`, sourceOf(name)])),
    'cli/main': 'src/cli/main.ts',
  },
  external: [/^node:/, /^@noble\//],
  platform: 'node',
  // What the oldest Node that is supported can read.
  transform: { target: 'es2023' },
  output: {
    dir: 'dist',
    entryFileNames: '[name].js',
    chunkFileNames: 'shared/[name]-[hash].js',
    // They are in the types, where editors look for them.
    comments: false,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ name: chunkOf, debugName: 'by entries' }],
    },
  },
};
