import type { Opened } from '../contract/exchange.ts';
import type { Facts, RequestFacts, ResponseFacts, SessionFacts } from '../contract/facts.ts';
import { costOf, termsOf } from '../pricing/cost.ts';
import type { Cost } from '../pricing/cost.ts';
import type { Protocol } from '../protocols/protocol.ts';
import { withEstimate } from './estimate.ts';
import { tellLate } from './late-usage.ts';
import { sessionOf } from './session.ts';
import type { Prices } from './world-prices.ts';

/** What was read of an exchange. */
export interface Reading {
  opened: Opened;
  protocol: Protocol;
  request: RequestFacts;
  response: ResponseFacts;
  promptBytes: number;
  requestSha256: string;
  responseSha256: string;
}

/** All that an inspector tells of an exchange, priced. */
export function factsOf(reading: Reading, prices: Prices): Facts {
  const { opened, protocol, request, promptBytes } = reading;
  const response = withEstimate(reading.response, { api: opened.api, promptBytes, stream: request.stream });
  const priced = protocol.billable ? costOfAnswer(response, opened, prices) : undefined;
  const late = protocol.billable === 'late' ? tellLate(response, priced) : undefined;
  const own = late?.own ?? response;
  const known = late === undefined && priced?.known === true ? priced : undefined;
  return {
    // The texts were for an estimate and the session's hash; they stay here.
    response: { ...own, usage_flags: [...own.usage_flags, ...(known?.flags ?? [])], text: '' },
    request: { ...request, system_text: '', first_user_text: '' },
    session: sessionOfExchange(opened, request),
    request_sha256: reading.requestSha256,
    response_sha256: reading.responseSha256,
    cost_nanodollars: known === undefined ? null : String(known.costNanodollars),
    cost_basis: known?.costBasis ?? null,
    cost_unknown: late === undefined && priced?.known === false ? priced.reason : null,
    price_version: known?.priceVersion ?? null,
    late_usage: late?.usage ?? null,
  };
}

export function sessionOfExchange(opened: Opened, request: RequestFacts): SessionFacts {
  const { request_headers: headers, login, node_id: nodeId, api } = opened;
  return sessionOf({ request, headers, login, nodeId, api });
}

function costOfAnswer(response: ResponseFacts, { provider, model }: Opened, { slice, table }: Prices): Cost {
  return costOf(
    {
      usage: response.usage,
      usageDetail: response.usage_detail,
      serverTools: response.server_tools,
      serviceTier: response.service_tier,
      modelServed: response.model_served,
      reportedCostNanodollars: response.reported_cost_nanodollars,
      ...termsOf(slice, provider, model),
    },
    table,
  );
}
