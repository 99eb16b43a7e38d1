import { expect, test } from 'vitest';
import { matrixOf, shareOf } from '../../../src/dashboard/app/pages/adoption/matrix.ts';
import { wholeDays } from '../../../src/dashboard/app/design/time-range.ts';
import { stickiness } from '../../../src/dashboard/app/pages/adoption/report.ts';
import type { Team, User } from '../../../src/dashboard/app/pages/adoption/report.ts';

function team(group: string, agent: string, users: number): Team {
  return { group, agent, users, requests: 10 * users, tokens: 0, cost_nanodollars: '0' };
}

function user(login: string, groups: string[]): User {
  const day = '2026-11-01';
  const none = { days_active: 1, requests: 1, tokens: 0, cost_nanodollars: '0' };
  return { login, groups, first_day: day, last_day: day, ...none };
}

const TEAMS = [team('web', 'codex', 2), team('data', 'codex', 1), team('data', 'claude-code', 3), team('', 'curl', 1)];
const USERS = [
  user('a', ['web', 'data']),
  user('b', ['web']),
  user('c', ['data']),
  user('d', ['data']),
  user('e', ['data']),
  user('f', []),
];

test('groups and agents stand by how many people they have; shares are of the group', () => {
  const { agents, rows } = matrixOf(TEAMS, USERS);
  expect(agents).toEqual(['claude-code', 'codex', 'curl']);
  expect(rows.map(({ group, users }) => [group, users])).toEqual([
    ['data', 4],
    ['web', 2],
    ['', 1],
  ]);
  const [data] = rows;
  const claude = data?.cells.get('claude-code');
  expect(claude).toEqual({ users: 3, requests: 30, costNanodollars: '0' });
  expect(data === undefined || claude === undefined ? undefined : shareOf(data, claude)).toBe(0.75);
});

test('where not all users are told, nobody knows a share', () => {
  const [first] = matrixOf(TEAMS, undefined).rows;
  expect(first).toMatchObject({ group: 'data', users: undefined });
  expect(first === undefined ? 0 : shareOf(first, { users: 3, requests: 1, costNanodollars: '0' })).toBeUndefined();
});

test('adoption is of whole days, and a usual day is measured by its month', () => {
  expect(wholeDays({ from: '2026-11-01T13:00:00.000Z', to: '2026-11-03T01:00:00.000Z' })).toEqual({
    from: '2026-11-01T00:00:00.000Z',
    to: '2026-11-04T00:00:00.000Z',
  });
  const day = { day: '2026-11-01', active_7d: 0, four_of_seven: 0, new: 0, returning: 0 };
  expect(
    stickiness([
      { ...day, active: 1, active_30d: 4 },
      { ...day, active: 3, active_30d: 4 },
    ]),
  ).toBe(0.5);
  expect(stickiness([{ ...day, active: 0, active_30d: 0 }])).toBeUndefined();
});
