import type { Fault } from '../contract/fault.ts';
import { RESPONSE_ID_CHARS } from '../contract/holding.ts';
import { failed, ok, unreachable } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { textField } from '../protocols/body-scan.ts';
import { heldRoute, mayName, planRoute } from '../routing/plan.ts';
import type { Route } from '../routing/plan.ts';
import { elsewhere, namedHoldings } from './named-resources.ts';
import type { HeldBy } from './named-resources.ts';
import { askDirect } from './direct-door.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';
import { askResource } from './resource-life.ts';
import type { AskedResource } from './resource-life.ts';
import type { ScannedBody } from './scan-body.ts';
import type { FrontServices } from './services.ts';

/** What is asked for: the scanned body, and the model by name. */
export interface Asked {
  scanned: ScannedBody;
  model: string;
  /** The provider that has what the request continues, or is about. */
  holder: string | undefined;
  /** Where all is that the request names, and must go. */
  held?: HeldBy | undefined;
  /** It is about what providers keep. */
  resource?: AskedResource;
  /** Where a path goes that grants open as it is. */
  direct?: Route;
}

/** Finds the model's name, and whose the earlier response is that the request names. */
export async function ask(
  services: FrontServices,
  arrival: Arrival,
  endpoint: ExchangeEndpoint,
  scanned: ScannedBody,
): Promise<Result<Asked, Fault>> {
  const { resources } = services;
  const { caller } = arrival;
  const { resource, direct } = endpoint;
  if (direct !== undefined) return askDirect(arrival, { ...endpoint, direct }, scanned);
  if (resource !== undefined) return askResource(services, arrival, { ...endpoint, resource }, scanned);
  if (endpoint.responseId !== undefined) {
    const found = await resources.find({ kind: 'response', id: endpoint.responseId }, caller.login);
    return found.ok ? ok({ scanned, model: found.value.model, holder: found.value.provider }) : found;
  }
  const inBody = scanned.fields.model ?? endpoint.protocol.defaultModel;
  const model = endpoint.modelIn === 'path' ? endpoint.model : inBody;
  if (model === undefined) return failed({ code: 'model_missing' });
  let held: HeldBy | undefined;
  if (scanned.fields.resources !== undefined) {
    const named = await namedHoldings(resources, caller.login, scanned.fields.resources);
    if (!named.ok) return named;
    held = named.value.held;
  }
  const previous = previousResponse(endpoint, scanned);
  if (previous === undefined) return ok({ scanned, model, holder: held?.provider, held });
  const whose = await resources.whose({ kind: 'response', id: previous }, caller.login);
  if (!whose.ok) return whose;
  switch (whose.value.of) {
    case 'caller':
      return ok({ scanned, model, holder: held?.provider ?? whose.value.holding.provider, held });
    case 'another':
      return failed({ code: 'previous_response_not_found', id: previous });
    case 'nobody':
      // Made before there was a gateway, or around it: the provider knows.
      return ok({ scanned, model, holder: held?.provider, held });
    default:
      return unreachable(whose.value);
  }
}

function previousResponse(endpoint: ExchangeEndpoint, scanned: ScannedBody): string | undefined {
  if (endpoint.protocol.compatibility !== 'openai_responses') return undefined;
  const id = textField(scanned.decoded, scanned.fields, 'previous_response_id');
  return id === undefined || id === '' || id.length > RESPONSE_ID_CHARS ? undefined : id;
}

/** Grants and route; every model that the body can select is checked, not only the first. */
export function routeOf(arrival: Arrival, endpoint: ExchangeEndpoint, asked: Asked): Result<Route, Fault> {
  if (asked.direct !== undefined) return ok(asked.direct);
  if (asked.resource !== undefined) return ok(asked.resource.route);
  const allows = (provider: string, model: string): readonly string[] | undefined =>
    arrival.access.may(provider, model);
  const providers = arrival.world.routing;
  const { compatibility, alsoServedBy, api } = endpoint.protocol;
  const { model, holder } = asked;
  const routed =
    endpoint.modelIn === 'response' && holder !== undefined
      ? heldRoute({ provider: holder, model, compatibility, providers, allows })
      : planRoute({ model, compatibility, alsoServedBy, api, providers, allows, holder });
  if (!routed.ok) return routed;
  const { provider } = routed.value;
  const [named] = asked.scanned.fields.resources ?? [];
  if (named !== undefined && asked.held !== undefined && asked.held.provider !== provider.id) {
    return elsewhere(named, `the model "${model}"`);
  }
  for (const name of asked.scanned.fields.otherModels) {
    if (!mayName({ provider, name, providers, allows })) return failed({ code: 'model_unknown', model: name });
  }
  return routed;
}
