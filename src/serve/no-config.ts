import type { Problem } from '../../config/problem.ts';

/** There is no config to start with: `problems` say why. */
export class NoConfig extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('there is no config to start with');
    this.problems = problems;
  }
}
