import { expect, test } from 'vitest';
import { PERSONAL_KINDS, SECRET_KINDS } from '../../src/contract/guardrail.ts';
import type { BuiltinRule, TextBuiltin } from '../../src/contract/guardrail.ts';
import { compileRules } from '../../src/guardrails/pipeline.ts';
import { rehearse } from '../../src/guardrails/rehearse.ts';
import { textDetector } from '../../src/guardrails/text-detector.ts';
import { COMMON } from './detect/common.ts';
import { hookRule, KEYS, slice } from './request/support.ts';

const RULE = { type: 'builtin', preference: 0, failPolicy: 'fail_closed' } as const;
const rules: [string, TextBuiltin][] = [
  ['personal', { kind: 'personal_data', detect: [...PERSONAL_KINDS], names: ['Ada Lovelace'], ...COMMON }],
  ['secrets', { kind: 'secrets', detect: [...SECRET_KINDS], ...COMMON }],
];

test('every built-in rule looks at all of it and finds nothing, beside a hook that there is no way to call', async () => {
  const looked: { kind: string; chars: number; finds: number }[] = [];
  const set = compileRules(
    slice([hookRule('asked'), ...rules.map(([name, builtin]): BuiltinRule => ({ ...RULE, name, builtin }))]),
    KEYS,
    (builtin) => {
      const detector = textDetector(builtin);
      return {
        ...detector,
        find: (text, from, atEnd) => {
          const found = detector.find(text, from, atEnd);
          looked.push({ kind: builtin.kind, chars: text.length, finds: found.matches.length });
          return found;
        },
      };
    },
  );

  await rehearse(set, () => 0);

  expect(looked.map(({ kind, finds }) => [kind, finds])).toEqual([
    ['personal_data', 0],
    ['secrets', 0],
  ]);
  for (const { chars } of looked) expect(chars).toBeGreaterThan(300);
});
