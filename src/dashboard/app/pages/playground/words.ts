import type { Fault } from './wire/wire.ts';

/** Whose word it was that there is no answer, by the beginning of the gateway's code. */
const REFUSALS: readonly [prefix: string, title: string][] = [
  ['gateway_guardrail_blocked', 'A guardrail blocked it'],
  ['gateway_guardrail_unavailable', 'A guardrail could not decide'],
  ['gateway_unguarded', 'A guardrail cannot read it'],
  ['gateway_quota', 'A quota does not cover it'],
  ['insufficient_quota', 'A quota does not cover it'],
  ['gateway_model', 'This model is not open to you'],
  ['gateway_revoked', 'You are shut out'],
  ['gateway_upstream', 'The provider could not be asked'],
];

/** What happened, in few words; the fault's own follow. */
export function titleOf({ by, code }: Fault): string {
  if (by === 'nobody') return 'The connection broke';
  if (by === 'provider') return 'The provider refused';
  return REFUSALS.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'The gateway refused';
}

/** As usual, in the words of all APIs. */
const USUAL: ReadonlySet<string> = new Set(['stop', 'end_turn', 'stop_sequence', 'STOP']);
const CUT: ReadonlySet<string> = new Set(['length', 'max_tokens', 'max_output_tokens', 'MAX_TOKENS']);
const REFUSED: ReadonlySet<string> = new Set([
  'content_filter',
  'refusal',
  'SAFETY',
  'PROHIBITED_CONTENT',
  'BLOCKLIST',
]);

/** Why an answer ended, where that is worth saying. */
export function reasonText(reason: string): string | undefined {
  if (reason === '' || USUAL.has(reason)) return undefined;
  if (CUT.has(reason)) return 'Cut at the most tokens it may have';
  if (REFUSED.has(reason)) return `Refused by the provider (${reason})`;
  return `Ended by ${reason}`;
}
