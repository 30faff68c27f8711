import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** `npm run test:package`: what needs the built package and a registry to install its dependencies from. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/package/installed.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});

export default config;
