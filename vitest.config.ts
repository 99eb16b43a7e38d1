import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** Long tests (soaks, kill rounds at scale, fuzzing) are those named *.long.test.ts. */
const long = process.env['APERTURE_TEST_LONG'] === '1';

/** What takes a minute begins first, so that no worker is left with it at the end. */
const LENGTHY = ['/test/fault/', '/test/property/', '/test/store/scale', '/test/flow/start'];

class LengthyFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLengthy = ({ moduleId }: TestSpecification): boolean => LENGTHY.some((part) => moduleId.includes(part));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLengthy), ...sorted.filter((file) => !isLengthy(file))];
  }
}

/**
 * Rooms without state of their own, where a test starts nothing: their files share a process, and load once what they have in
 * common (a quarter of their time).
 */
const PURE = 'access|config|dashboard-app|guardrails|identity|inspect|lib|pricing|protocols|records|routing';
const pure = `test/@(${PURE})/**/*.test.ts`;
const skipped = ['node_modules/**', 'dist/**'];
const lengthy = 'test/**/*.long.test.ts';

export default defineConfig({
  test: {
    projects: long
      ? [{ extends: true, test: { name: 'long', include: [lengthy], exclude: skipped } }]
      : [
          {
            extends: true,
            test: {
              name: 'whole',
              include: ['test/**/*.test.ts'],
              exclude: [...skipped, lengthy, pure],
            },
          },
          { extends: true, test: { name: 'pure', include: [pure], exclude: [...skipped, lengthy], isolate: false } },
        ],
    globalSetup: 'test/support/global-setup.ts',
    pool: 'forks',
    // Many files wait, for outages and for processes that start: more than two cores would take.
    maxWorkers: long ? 2 : 3,
    // Both tell a hang from an answer: a busy machine takes tens of seconds for what takes one.
    testTimeout: long ? 3_600_000 : 120_000,
    hookTimeout: 120_000,
    sequence: { sequencer: LengthyFirst },
    reporters: ['default'],
  },
});
