import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff';

/** Two texts that have next to nothing in common would take minutes: nobody reads that diff. */
const WITHIN_MS = 1_000;
const CONTEXT_LINES = 3;

/** How one config version became another, as a unified diff; empty where they are equal, undefined where it takes too long. */
export function configDiff(
  before: { name: string; text: string },
  after: { name: string; text: string },
): string | undefined {
  if (before.text === after.text) return '';
  return createTwoFilesPatch(before.name, after.name, before.text, after.text, undefined, undefined, {
    context: CONTEXT_LINES,
    timeout: WITHIN_MS,
    headerOptions: FILE_HEADERS_ONLY,
  });
}
