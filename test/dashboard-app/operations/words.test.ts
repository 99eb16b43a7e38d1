import { expect, test } from 'vitest';
import { AUDIT_ACTIONS as LOGGED } from '../../../src/contract/audit.ts';
import { DENIALS as TOLD } from '../../../src/dashboard/denials.ts';
import { DENIALS } from '../../../src/dashboard/app/api/shapes.ts';
import { actionName, AUDIT_ACTIONS } from '../../../src/dashboard/app/pages/audit/actions.ts';
import { pairsOf } from '../../../src/dashboard/app/pages/audit/entries.ts';
import { codeInWords } from '../../../src/dashboard/app/pages/guardrails/denials.ts';
import { ALL_OUTCOMES, OUTCOMES } from '../../../src/dashboard/app/pages/guardrails/verdicts.ts';
import { VERDICT_ACTIONS } from '../../../src/dashboard/verdicts.ts';

test('the pages have words for all that the gateway logs, denies and says', () => {
  expect(AUDIT_ACTIONS.toSorted()).toEqual(LOGGED.toSorted());
  expect(DENIALS).toEqual(TOLD);
  expect(ALL_OUTCOMES.flatMap((outcome) => OUTCOMES[outcome].actions).toSorted()).toEqual(VERDICT_ACTIONS.toSorted());
});

test('what a newer gateway says is shown as it is', () => {
  expect(actionName('moon.landed')).toBe('moon.landed');
  expect(codeInWords('gateway_moon_full')).toBe('moon full');
});

test('an entry in short: money as money, lists in a line, nothing empty and no hashes', () => {
  const details = {
    hash: 'ab',
    ids: ['1'],
    note: '',
    nanodollars: '1500000000',
    bytes: 32_768,
    what: ['headers', 'request'],
    asked: { from: 1 },
    none: null,
  };
  expect(pairsOf(details)).toEqual([
    ['amount', '$1.50'],
    ['bytes', '32.0 KB'],
    ['what', 'headers, request'],
    ['asked', '{"from":1}'],
  ]);
  expect([pairsOf('text'), pairsOf(null)]).toEqual([[], []]);
});
