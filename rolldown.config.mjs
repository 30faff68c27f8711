/**
 * The modules of `dist`. A program pays for each file that it loads and for each
 * line in it: what an entry always needs comes in as few files as the entries
 * allow, what only some connections need (ciphers, large groups, ML-KEM…) stays
 * in files of its own.
 */
import { relative, resolve } from 'node:path';
import { lateImports } from './lateImports.mjs';

/** From what needs the least to what needs the most. */
const entries = ['wire', 'diagnostics', 'keys', 'protocol', 'server', 'config', 'index'];
const sourceOf = (name) => `src/entry/${name}.ts`;

/** Everything that comes with a module whether it is used or not. */
function closureOf(id, context, found = new Set()) {
  if (found.has(id)) return found;
  found.add(id);
  for (const imported of context.getModuleInfo(id)?.importedIds ?? []) closureOf(imported, context, found);
  return found;
}

/** Modules that are loaded when they are needed, of all that can be reached from the entries. */
function lateModules(context) {
  const seen = new Set();
  const late = new Set();
  const visit = (id) => {
    if (seen.has(id)) return;
    seen.add(id);
    const info = context.getModuleInfo(id);
    for (const imported of info?.dynamicallyImportedIds ?? []) late.add(imported);
    for (const imported of [...(info?.importedIds ?? []), ...(info?.dynamicallyImportedIds ?? [])])
      visit(imported);
  };
  for (const name of entries) visit(resolve(sourceOf(name)));
  return [...late].sort();
}

let closures;

/**
 * What the client always needs is few files: one for what no other entry needs,
 * and what others need as well goes with the least of them. Of the rest, what a
 * late module needs is a file for each set of late modules: it must not bring more
 * along.
 */
function chunkOf(id, context) {
  closures ??= {
    entries: new Map(entries.map((name) => [name, closureOf(resolve(sourceOf(name)), context)])),
    late: new Map(lateModules(context).map((late) => [late, closureOf(late, context)])),
  };
  const users = entries.filter((name) => closures.entries.get(name).has(id));
  if (users.length === 0 || entries.some((name) => id === resolve(sourceOf(name)))) return null;
  const [least] = users;
  if (users.includes('index')) return users.length === 1 ? 'indexOnly' : least;
  const late = [...closures.late]
    .filter(([, closure]) => closure.has(id))
    .map(([source]) => relative('src', source).replace(/\.ts$/, '').replaceAll('/', '.'));
  if (late.length > 0) return late.join(' ');
  return users.length === 1 ? `${least}Only` : `${least}Shared`;
}

/** Engines keep a source with one character beyond Latin-1 in two bytes a character. */
const latin1 = {
  name: 'latin-1',
  generateBundle: (_options, bundle) => {
    for (const chunk of Object.values(bundle)) {
      chunk.code = chunk.code?.replace(
        /[^\0-\xff]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
    }
  },
};

export default {
  input: {
    ...Object.fromEntries(entries.map((name) => [`entry/${name}`, sourceOf(name)])),
    ...Object.fromEntries(
      ['main', 'sftpMain', 'scpMain'].map((name) => [`cli/${name}`, `src/cli/${name}.ts`]),
    ),
  },
  external: [/^node:/, /^@noble\//],
  platform: 'node',
  preserveEntrySignatures: 'allow-extension',
  plugins: [lateImports, latin1],
  // What the oldest Node that is supported can read.
  transform: { target: 'es2023' },
  output: {
    dir: 'dist',
    entryFileNames: '[name].js',
    chunkFileNames: ({ name }) => `shared/${name.split(' ')[0]}-[hash].js`,
    // They are in the types, where editors look for them.
    comments: false,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ name: chunkOf, debugName: 'by entries' }],
    },
  },
};
