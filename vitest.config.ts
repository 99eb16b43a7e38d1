import { defineConfig } from 'vitest/config';
import type { TestProjectInlineConfiguration } from 'vitest/config';
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
 * Files share a process with others of their project, where no module's state outlives a test: they load once what they have
 * in common (a quarter of their time), and a process less is started for each. What does outlive them is the last id: ids only
 * ever increase in a process. So those that make records of a time of their own are not with those that do what they do now.
 */
const PURE =
  'access|admin|capture|config|control|dashboard-app|guardrails|identity|inspect|keys|lib|pricing|protocols|proxy|quota|records|routing|simulator';
const PAST = 'dashboard|export|sinks|store';
const pure = `test/@(${PURE})/**/*.test.ts`;
const past = `test/@(${PAST})/**/*.test.ts`;
/** Of these, what the gateway mints by a clock of the test's must be of its time. */
const own = ['test/store/dead-letters.test.ts', 'test/sinks/deliveries.test.ts'];
const skipped = ['node_modules/**', 'dist/**'];
const lengthy = 'test/**/*.long.test.ts';
/** Those that hold what the gateway adds to a time against milliseconds have the machine to themselves, after all others. */
const alone = 'test/**/*.alone.test.ts';

/** A project whose files share a process. */
function sharing(
  name: string,
  include: string[],
  more: TestProjectInlineConfiguration['test'] = {},
): TestProjectInlineConfiguration {
  const { exclude = [], ...others } = more;
  return {
    extends: true,
    test: { name, include, exclude: [...skipped, lengthy, alone, ...exclude], isolate: false, ...others },
  };
}

export default defineConfig({
  test: {
    projects: long
      ? [{ extends: true, test: { name: 'long', include: [lengthy], exclude: skipped } }]
      : [
          sharing('present', ['test/**/*.test.ts'], { exclude: [pure, past] }),
          sharing('pure', [pure]),
          sharing('past', [past], { exclude: own, setupFiles: ['test/support/late-ids.ts'] }),
          sharing('own', own, { isolate: true }),
          {
            extends: true,
            test: {
              name: 'alone',
              include: [alone],
              exclude: skipped,
              maxWorkers: 1,
              // What waits for seconds waits together.
              maxConcurrency: 10,
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
