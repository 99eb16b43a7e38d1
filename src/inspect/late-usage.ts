import type { ResponseFacts } from '../contract/facts.ts';
import type { LateUsage } from '../contract/record.ts';
import type { Cost } from '../pricing/cost.ts';

/**
 * Parts what an answer about an earlier response says of that response from what is the exchange's own. Usage is told
 * once the response has come to its end; before that, and where it has none, there is nothing to book.
 */
export function tellLate(
  response: ResponseFacts,
  priced: Cost | undefined,
): { own: ResponseFacts; usage: LateUsage | null } {
  const own: ResponseFacts = {
    ...response,
    // It made none: the path says whose it is about.
    response_id: null,
    usage: null,
    usage_state: 'absent',
    usage_detail: {},
    server_tools: {},
    reported_cost_nanodollars: null,
    // Every look at the response would count them again.
    tool_calls: [],
  };
  const { response_id, usage, complete, stop_reason } = response;
  if (response_id === null || usage === null || !complete || stop_reason === null) return { own, usage: null };
  const known = priced?.known === true ? priced : undefined;
  const flags = priced?.known === false ? [`cost_unknown:${priced.reason}`] : (known?.flags ?? []);
  return {
    own: { ...own, usage_flags: [] },
    usage: {
      response_id,
      model_served: response.model_served,
      usage,
      usage_detail: response.usage_detail,
      usage_flags: [...response.usage_flags, ...flags],
      server_tools: response.server_tools,
      service_tier: response.service_tier,
      cost_nanodollars: known === undefined ? null : String(known.costNanodollars),
      cost_basis: known?.costBasis ?? null,
      price_version: known?.priceVersion ?? null,
    },
  };
}
