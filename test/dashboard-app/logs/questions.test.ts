import { expect, test } from 'vitest';
import { LogFilters } from '../../../src/dashboard/app/pages/logs/filter-search.ts';
import {
  nanodollarsOf,
  questionOf,
  requestFilters,
  sessionFilters,
} from '../../../src/dashboard/app/pages/logs/questions.ts';
import { withPage } from '../../../src/dashboard/app/lists/page-question.ts';

const FROM = '2026-11-22T00:00:00.000Z';
const TO = '2026-11-23T12:30:00.000Z';
const asked = (question: string) => Object.fromEntries(new URLSearchParams(question));

test('an address becomes the API’s question, in the API’s words; what it says wrongly counts as not said', () => {
  const search = LogFilters.parse({
    model: 'a&b',
    status: 200,
    state: 'nonsense',
    login: 7,
    min_cost_nanodollars: '1.5',
  });
  expect(asked(questionOf(search, requestFilters('admin'), { from: FROM }))).toEqual({
    login: '7',
    model: 'a&b',
    status: '200',
    from: FROM,
  });
});

test('an agent without a name can be asked for; a chosen end is asked for', () => {
  const search = LogFilters.parse({ agent: '' });
  expect(asked(questionOf(search, requestFilters('admin'), { from: FROM, to: TO }))).toEqual({
    agent: '',
    from: FROM,
    to: TO,
  });
});

test('a user asks for nobody else, whatever the address says', () => {
  const search = LogFilters.parse({ login: 'ada@example.com', member_of: 'group:web', tool: 'Bash' });
  expect(asked(questionOf(search, requestFilters('user'), { from: FROM }))).toEqual({ tool: 'Bash', from: FROM });
  expect(sessionFilters('user')).not.toContain('login');
});

test('a page of a question', () => {
  expect(withPage('model=a%26b', { before: 'x', limit: 100 })).toBe('model=a%26b&limit=100&before=x');
  expect(withPage('from=1', { before: null, limit: 5 })).toBe('from=1&limit=5');
});

test('dollars as people type them are nanodollars to the last digit', () => {
  expect(nanodollarsOf('$0.10')).toBe('100000000');
  expect(nanodollarsOf(' 12 ')).toBe('12000000000');
  expect(nanodollarsOf('.000000001')).toBe('1');
  expect(nanodollarsOf('much')).toBeUndefined();
  expect(nanodollarsOf('')).toBeUndefined();
  expect(nanodollarsOf('-1')).toBeUndefined();
});
