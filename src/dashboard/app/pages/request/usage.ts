import { USAGE_KINDS } from '../../../../contract/usage.ts';
import type { UsageKind } from '../../../../contract/usage.ts';
import type { Usage } from '../../api/shapes.ts';

/** The kinds of which there were tokens, in the order in which they are told. */
export function kindsIn(usage: Usage | null): { kind: UsageKind; tokens: number }[] {
  return USAGE_KINDS.map((kind) => ({ kind, tokens: usage?.[kind] ?? 0 })).filter(({ tokens }) => tokens !== 0);
}
