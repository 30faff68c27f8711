import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig, type ViteUserConfig } from 'vitest/config';
import { skippedReporter } from './test/setup/skipped.ts';

const entry = fileURLToPath(new URL('./src/entry/', import.meta.url));

/** Tests import the package by its own name where they are about its users: examples, documents. */
const alias = [
  { find: /^deadline-ssh$/, replacement: `${entry}index.ts` },
  { find: /^deadline-ssh\/(\w+)$/, replacement: `${entry}$1.ts` },
];

/** Tests that need programs which a machine may lack. */
const onServers = [
  'test/chaos/**/*.test.ts',
  'test/cli/**/*.test.ts',
  'test/client/target.test.ts',
  'test/crypto/sshKeygen.test.ts',
  'test/diagnostics/page.test.ts',
  'test/examples/**/*.test.ts',
  'test/keys/**/*.test.ts',
  'test/recorded/**/*.test.ts',
  'test/server/**/*.test.ts',
  'test/servers/**/*.test.ts',
];

/** All tests, or those on servers only, or those `apart` from these: together the last two are the first. */
const servers = process.env['DEADLINE_SSH_SERVERS'];

const config: ViteUserConfig = defineConfig({
  resolve: { alias },
  test: {
    include: servers === 'only' ? onServers : ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(servers === 'apart' ? onServers : [])],
    setupFiles: ['test/setup/fastCheck.ts'],
    reporters: [skippedReporter, 'default'],
    testTimeout: 30_000,
    // Much of the time goes to waiting for servers: one worker a core, and none kept back for the reporter.
    maxWorkers: availableParallelism(),
  },
});

export default config;
