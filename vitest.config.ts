import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** Long tests (soaks, kill rounds at scale, fuzzing) are those named *.long.test.ts. */
const long = process.env['APERTURE_TEST_LONG'] === '1';

/** What takes a minute begins first, so that no worker is left with it at the end. */
const LENGTHY = [
  '/test/fault/',
  '/test/property/',
  '/test/store/scale',
  '/test/flow/start',
  '/test/flow/sdk/sdks',
  '/test/browser/',
];

/** Files that share a process stand together: it goes on with the next one only if that is of its project. */
class LengthyFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLengthy = ({ moduleId }: TestSpecification): boolean => LENGTHY.some((part) => moduleId.includes(part));
    const placeOf = (file: TestSpecification): string => `${isLengthy(file) ? 0 : 1} ${file.project.name}`;
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => placeOf(one).localeCompare(placeOf(other)));
  }
}

/**
 * Rooms where no module's state outlives a test: their files share a process, and load once what they have in common (a quarter
 * of their time). Ids only ever increase in a process: where tests make records of their own time, each file has its own.
 */
const SHARED =
  'access|admin|capture|config|control|dashboard-app|guardrails|identity|inspect|keys|lib|pricing|protocols|proxy|quota|records|routing|simulator';
const shared = `test/@(${SHARED})/**/*.test.ts`;
/** Rooms whose tests do what they do now, with a gateway in a process of its own: they share another. */
const present = 'test/@(flow|resources)/**/*.test.ts';
const skipped = ['node_modules/**', 'dist/**'];
const lengthy = 'test/**/*.long.test.ts';
/** Those that hold what the gateway adds to a time against milliseconds have the machine to themselves, after all others. */
const alone = 'test/**/*.alone.test.ts';

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
              exclude: [...skipped, lengthy, alone, shared, present],
            },
          },
          {
            extends: true,
            test: { name: 'shared', include: [shared], exclude: [...skipped, lengthy, alone], isolate: false },
          },
          {
            extends: true,
            test: { name: 'present', include: [present], exclude: [...skipped, lengthy, alone], isolate: false },
          },
          {
            extends: true,
            test: {
              name: 'alone',
              include: [alone],
              exclude: skipped,
              maxWorkers: 1,
              sequence: { groupOrder: 1 },
              // Where it stands still for a moment, it does so once: what is too slow is too slow three times.
              retry: 2,
            },
          },
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
