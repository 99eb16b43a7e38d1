import { sumsOver } from '../../design/sums-over.ts';

/*
 * Requests over time by how they were answered: what stands above the list, so that the eye finds when it went wrong.
 */

/** What the roll-ups can be narrowed by; a list that is narrowed by more has no picture. */
const COUNTED_BY = ['login', 'member_of', 'model', 'agent', 'provider', 'api', 'status'];

/** The question to the sums, from that to the list; undefined where they do not know one of its filters. */
export function sumsQuestion(
  question: string,
  range: { from: string; to: string; interval: string },
): string | undefined {
  const asked = new URLSearchParams(question);
  asked.delete('from');
  asked.delete('to');
  if ([...asked.keys()].some((name) => !COUNTED_BY.includes(name))) return undefined;
  asked.set('group', 'status');
  for (const name of ['from', 'to', 'interval'] as const) asked.set(name, range[name]);
  return asked.toString();
}

interface Counted {
  time: string;
  status: number;
  requests: number;
}

export const CLASSES = ['Answered', 'Refused (4xx)', 'Failed (5xx)'] as const;

/** 0 is the status of a request that nobody answered. */
function classOf(status: number): number {
  if (status === 0 || status >= 500) return 2;
  return status >= 400 ? 1 : 0;
}

/** For each class, how many in each interval; intervals begin as `times` says. */
export function countsOf(items: readonly Counted[], times: readonly string[]): number[][] {
  return CLASSES.map((_, of) =>
    sumsOver(
      times,
      items,
      ({ time }) => time,
      ({ status, requests }) => (classOf(status) === of ? requests : 0),
    ),
  );
}
