/**
 * The modules of `dist`: what an entry needs comes in a few files, and what only
 * some connections need (large groups, ML-KEM, a server…) stays in files of its
 * own. A program that loads the client pays for each file.
 */
const entries = ['diagnostics', 'index', 'keys', 'protocol', 'server', 'wire'];

export default {
  input: {
    ...Object.fromEntries(entries.map((name) => [`entry/${name}`, `src/entry/${name}.ts`])),
    'cli/main': 'src/cli/main.ts',
  },
  external: [/^node:/, /^@noble\//],
  platform: 'node',
  output: { dir: 'dist', entryFileNames: '[name].js', chunkFileNames: 'shared/[name]-[hash].js' },
};
