import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** `npm run test:package`: what needs the built package and a registry to install its dependencies from. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/package/installed.ts', 'test/package/smoke.ts', 'test/package/outOfDescriptors.ts'],
    // The built package runs as plain Node runs it.
    server: { deps: { external: [/[/\\]dist[/\\]/] } },
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});

export default config;
