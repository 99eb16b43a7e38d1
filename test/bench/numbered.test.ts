import { expect, test } from 'vitest';
import { NUMBER_MARK, Numbers } from '../../bench/load/numbered.ts';

test('each request has a number of its own, and is as long as it was', () => {
  const numbers = new Numbers();
  const request = Buffer.from(`{"content":"${NUMBER_MARK}xyz"}`);
  const sent = [1, 2, 3].map(() => Buffer.from(numbers.numbered(request)).toString());
  expect(new Set(sent).size).toBe(3);
  for (const each of sent) {
    expect(each).toMatch(/^\{"content":"No\. \d{16} xyz"\}$/);
    expect(each.length).toBe(request.length);
  }
  expect(request.toString()).toContain(NUMBER_MARK);
});

test('one without the mark is sent as it is', () => {
  const request = Buffer.from('GET / HTTP/1.1\r\n\r\n');
  expect(new Numbers().numbered(request)).toBe(request);
});
