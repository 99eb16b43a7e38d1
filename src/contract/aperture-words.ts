import type { Api } from './api.ts';
import type { Usage } from './usage.ts';

/** Usage, cost and formats in the words that Aperture's hooks and exports have for them (aperture.md, sections 7.4 and 8). */

/** What an exchange has cost, and by which price. */
export interface CallCost {
  /** Decimal string. */
  nanodollars: string;
  basis: string | null;
  usage: Usage | null;
  serverTools: Readonly<Record<string, number>>;
}

/** `CostEstimate`. */
export function costOf({ nanodollars, basis, usage, serverTools }: CallCost): {
  dollars: number;
  cost_basis: string;
  usage: Record<string, number>;
} {
  return {
    dollars: dollarsOf(nanodollars),
    cost_basis: basis ?? '',
    usage: usage === null ? {} : usageOf(usage, serverTools),
  };
}

const NANODOLLAR_DIGITS = 9;

/** The number nearest to the exact amount: read from its digits, never divided. */
export function dollarsOf(nanodollars: string): number {
  const digits = nanodollars.padStart(NANODOLLAR_DIGITS + 1, '0');
  return Number(`${digits.slice(0, -NANODOLLAR_DIGITS)}.${digits.slice(-NANODOLLAR_DIGITS)}`);
}

/** Our disjoint kinds under Aperture's names, which overlap (design, section 5); what is zero is left out. */
export function usageOf(usage: Usage, serverTools: Readonly<Record<string, number>>): Record<string, number> {
  const counts: Record<string, number> = {
    input_tokens: usage.input_uncached + usage.audio_in + usage.image_in,
    output_tokens: usage.output + usage.reasoning + usage.audio_out + usage.image_out,
    cached_tokens: usage.cache_read,
    cache_creation_input_tokens: usage.cache_write_5m + usage.cache_write_1h + usage.cache_write_other,
    cache_creation_5m_input_tokens: usage.cache_write_5m,
    cache_creation_1h_input_tokens: usage.cache_write_1h,
    reasoning_tokens: usage.reasoning,
    image_input_tokens: usage.image_in,
    image_output_tokens: usage.image_out,
    web_search_count: serverTools['web_search'] ?? 0,
  };
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

/** Aperture documents two names. All others are told by the name of their `compatibility` flag, or our own. */
export function apiTypeOf(api: Api): string {
  switch (api) {
    case 'openai_chat':
      return 'oai_completions';
    case 'anthropic_messages':
      return 'ant_messages';
    default:
      return api;
  }
}
