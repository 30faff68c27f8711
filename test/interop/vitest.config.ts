import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { skippedReporter } from '../setup/skipped.ts';
import { matrixReporter } from './matrix.ts';

/** `npm run lab`: every server of the laboratory that is installed, and the matrix of what works with each. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/interop/*.lab.ts'],
    reporters: [skippedReporter, 'default', matrixReporter],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The servers need the machine too.
    maxWorkers: 2,
  },
});

export default config;
