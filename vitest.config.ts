import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { skippedReporter } from './test/setup/skipped.ts';

const entry = fileURLToPath(new URL('./src/entry/', import.meta.url));

/** Tests import the package by its own name where they are about its users: examples, documents. */
const alias = [
  { find: /^deadline-ssh$/, replacement: `${entry}index.ts` },
  { find: /^deadline-ssh\/(\w+)$/, replacement: `${entry}$1.ts` },
];

const config: ViteUserConfig = defineConfig({
  resolve: { alias },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup/fastCheck.ts'],
    reporters: [skippedReporter, 'default'],
    testTimeout: 30_000,
    // Much of the time goes to waiting for servers: one worker a core, and none kept back for the reporter.
    maxWorkers: availableParallelism(),
  },
});

export default config;
