import { defineConfig } from 'vitest/config';

/** Long tests (soaks, kill rounds at scale, fuzzing) are those named *.long.test.ts. */
const long = process.env['APERTURE_TEST_LONG'] === '1';

export default defineConfig({
  test: {
    include: long ? ['test/**/*.long.test.ts'] : ['test/**/*.test.ts'],
    exclude: long ? ['node_modules/**', 'dist/**'] : ['node_modules/**', 'dist/**', 'test/**/*.long.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: long ? 3_600_000 : 30_000,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
});
