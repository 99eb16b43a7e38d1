import type { ConfigRemark, Verdict } from '../src/admin/config-desk.ts';
import type { Problem } from '../config/problem.ts';

export function problem(path: string, message: string): Problem {
  return { severity: 'error', path, line: 1, column: 1, message, advisory: false };
}

export function verdictOf(problems: readonly Problem[]): Verdict {
  const remarks = problems.map(remarkOf);
  return {
    errors: remarks.filter(({ severity }) => severity === 'error'),
    warnings: remarks.filter(({ severity }) => severity === 'warning'),
  };
}

export function remarkOf({ severity, path, line, column, message }: Problem): ConfigRemark {
  return { severity, path, line, column, message };
}
