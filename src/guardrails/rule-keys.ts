import { hkdfSync } from 'node:crypto';
import type { RuleKeys } from '../contract/guardrail.ts';

const KEY_BYTES = 32;

/** Keys of placeholders and of matches in records: derived from the gateway's secret, the same wherever that is. */
export function ruleKeysOf(secretKey: Uint8Array): RuleKeys {
  return {
    placeholder: derived(secretKey, 'aperture guardrails: placeholders'),
    match: derived(secretKey, 'aperture guardrails: matches'),
  };
}

function derived(secretKey: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secretKey, '', purpose, KEY_BYTES));
}
