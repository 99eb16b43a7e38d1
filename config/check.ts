import type { Problem } from './problem.ts';

/**
 * Problems as a person reads them, and as editors jump to them: one a line as `file:line:column severity path: message`,
 * and a summary last. No line ends in white space, and the text ends without a line feed.
 */
export function formatProblems(problems: readonly Problem[], file: string): string {
  const lines = problems.map(({ severity, path, line, column, message }) => {
    const place = line === 0 ? 'environment' : `${file}:${line}:${column}`;
    return `${place} ${severity} ${path === '' ? '' : `${path}: `}${message}`;
  });
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const counts = [counted(errors, 'error'), counted(warnings, 'warning')].filter((count) => count !== '');
  if (counts.length === 0) return `${file}: good`;
  return [...lines, `${file}: ${counts.join(', ')}; it ${errors > 0 ? 'cannot be used' : 'can be used'}`].join('\n');
}

function counted(count: number, noun: string): string {
  if (count === 0) return '';
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
