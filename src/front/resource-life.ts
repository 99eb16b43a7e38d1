import type { BatchRead } from '../contract/batch.ts';
import type { Fault } from '../contract/fault.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { RESOURCE_WORDS } from '../contract/resource.ts';
import type { NamedResource } from '../contract/resource.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { mayHaveResults } from '../protocols/batches/results.ts';
import { readBatchFile } from '../protocols/resources/batch-file.ts';
import type { ResourceCall } from '../protocols/resources/endpoints.ts';
import { familyOf } from '../protocols/resources/endpoints.ts';
import { formParts, isForm } from '../protocols/multipart.ts';
import { formResources } from '../protocols/resources/named-resources.ts';
import type { AnswerReader } from '../proxy/client.ts';
import type { Holder } from '../resources/resources.ts';
import { grantedModels, resourceRoute } from '../routing/resource-route.ts';
import type { Allows, Route } from '../routing/plan.ts';
import type { Asked } from './asked.ts';
import { faultOf } from './faults.ts';
import { namedHoldings } from './named-resources.ts';
import type { NamedHoldings } from './named-resources.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';
import { answerReader } from './resource-answer.ts';
import { hasRules } from './rules.ts';
import type { ScannedBody } from './scan-body.ts';
import type { FrontServices } from './services.ts';

/** Names the provider, of those that the caller may use, for a request that says it in no other way. */
export const PROVIDER_HEADER = 'x-aperture-provider';

/** What a request about what providers keep comes to. */
export interface AskedResource {
  call: ResourceCall;
  route: Route;
  /** Every model that it can bill; empty for most. */
  models: string[];
  /** Of a file for a batch: the models in it. */
  batchFile: string[] | undefined;
  /** Its answer has the results of a batch. */
  results: BatchRead | undefined;
}

/** What stands in the body: objects, and models that will be billed. */
interface InBody {
  named: readonly NamedResource[];
  models: string[];
  batchFile: string[] | undefined;
}

/**
 * Whose all is that the request names, in its path and in its body; where it goes; and whether the caller may bill what it
 * can bill there.
 */
export async function askResource(
  services: FrontServices,
  arrival: Arrival,
  endpoint: ExchangeEndpoint & { resource: ResourceCall },
  scanned: ScannedBody,
): Promise<Result<Asked, Fault>> {
  const { request, caller } = arrival;
  const call = endpoint.resource;
  const overriding = otherMethod(request);
  if (overriding !== undefined) return failed(overriding);
  const inBody = await readBody(arrival, call, scanned);
  if (!inBody.ok) return inBody;
  const found = await namedHoldings(services.resources, caller.login, [...call.ids, ...inBody.value.named]);
  if (!found.ok) return found;
  const models = billed(call, scanned, inBody.value, found.value);
  if (!models.ok) return models;
  const route = routeOf(arrival, call, found.value, models.value);
  if (!route.ok) return route;
  const barred = barredBy(arrival, call, route.value, models.value);
  if (barred !== undefined) return failed(barred);
  const { batchFile } = inBody.value;
  const results = resultsOf(call, found.value);
  const resource: AskedResource = { call, route: route.value, models: models.value, batchFile, results };
  return ok({ scanned, model: models.value[0] ?? '', holder: undefined, held: found.value.held, resource });
}

const OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];

/** Google's servers obey such a header: the answer would be to another question than the one that was judged. */
export function otherMethod(request: Pick<Arrival['request'], 'header'>): Fault | undefined {
  const name = OVERRIDES.find((each) => request.header(each) !== undefined);
  return name === undefined ? undefined : { code: 'bad_parameter', name, why: 'is not taken here' };
}

async function readBody(arrival: Arrival, call: ResourceCall, scanned: ScannedBody): Promise<Result<InBody, Fault>> {
  const { fields, decoded } = scanned;
  const none = { models: [], batchFile: undefined };
  if (isRaw(arrival, call) && call.endpoint.body === 'form') return readForm(arrival, decoded);
  return ok({ named: fields.resources ?? [], ...none });
}

/** Whether the body is none that the scanner reads: a form in parts, or a file's own bytes. */
export function isRaw({ request }: Arrival, { endpoint }: ResourceCall): boolean {
  if (endpoint.body === 'form') return isForm(request.header('content-type') ?? '');
  return endpoint.body === 'bytes';
}

/** A form's file goes on unread, but one for a batch: its lines name models, and objects. */
async function readForm({ request }: Arrival, body: Uint8Array): Promise<Result<InBody, Fault>> {
  const types = request.headers.filter(([name]) => name === 'content-type');
  const parts = formParts(types.length === 1 ? (types[0]?.[1] ?? '') : '', body);
  if (!parts.ok) return parts;
  const named = formResources(parts.value);
  const textOf = (name: string): string | undefined =>
    parts.value.find((part) => part.name === name)?.body.toString('utf8');
  if (textOf('purpose')?.trim() !== 'batch') return ok({ named, models: [], batchFile: undefined });
  const file = parts.value.find((part) => part.name === 'file');
  if (file === undefined) return failed({ code: 'body_bad_field', field: 'file', why: 'is missing' });
  const read = await readBatchFile(file.body);
  if (!read.ok) return read;
  const { models, resources } = read.value;
  return ok({ named: [...named, ...resources], models, batchFile: models });
}

/** The models that the request can bill. */
function billed(
  { endpoint, model }: ResourceCall,
  { fields }: ScannedBody,
  inBody: InBody,
  { holdings }: NamedHoldings,
): Result<string[], Fault> {
  switch (endpoint.api) {
    case 'openai_batches': {
      if (endpoint.does !== 'make') return ok([]);
      const files = holdings.filter(({ resource }) => resource.kind === 'file');
      const models = files.flatMap(({ holding }) => holding.models ?? []);
      if (files.length > 0 && files.every(({ holding }) => holding.models !== undefined))
        return ok([...new Set(models)]);
      const why = 'must be a file that was uploaded here with the purpose "batch": its models must be known';
      return failed({ code: 'body_bad_field', field: 'input_file_id', why });
    }
    case 'gemini_batches':
      return ok(model === undefined ? [] : [...new Set([model, ...fields.otherModels])]);
    case 'gemini_cached_contents': {
      if (endpoint.does !== 'make') return ok([]);
      const named = fields.model?.replace(/^models\//, '');
      return named === undefined ? failed({ code: 'model_missing' }) : ok([named]);
    }
    default:
      return ok([...new Set([...inBody.models, ...fields.otherModels])]);
  }
}

/** Whose results are asked for: of a file, those of the batch that made it; any other file is nobody's results. */
function resultsOf({ endpoint }: ResourceCall, { holdings }: NamedHoldings): BatchRead | undefined {
  if (!mayHaveResults(endpoint)) return undefined;
  for (const { resource, holding } of holdings) {
    const { kind, id } = resource;
    if (kind === 'batch') return { batch: holding.batch ?? { id, model: '' }, of: 'batch', id };
    if (kind === 'file' && holding.batch !== undefined) return { batch: holding.batch, of: 'file', id };
  }
  return undefined;
}

function routeOf(
  { world, access, request }: Arrival,
  { endpoint }: ResourceCall,
  { held }: NamedHoldings,
  models: readonly string[],
): Result<Route, Fault> {
  const allows: Allows = (provider, model) => access.may(provider, model);
  const { speaks } = familyOf(endpoint.api);
  const named = request.header(PROVIDER_HEADER);
  const ask = { providers: world.routing, allows, speaks, provider: held?.provider ?? named };
  const route = resourceRoute({ ...ask, models });
  if (route !== undefined) return ok(route);
  // What is granted is said no more precisely than for models: names do not leak.
  if (models.length > 0 && resourceRoute({ ...ask, models: [] }) !== undefined) {
    const model = models.find((each) => resourceRoute({ ...ask, models: [each] }) === undefined) ?? models[0] ?? '';
    return failed({ code: 'model_unknown', model });
  }
  if (held !== undefined) return failed({ code: 'not_found', what: RESOURCE_WORDS[endpoint.kind] });
  if (named !== undefined)
    return failed({
      code: 'bad_parameter',
      name: PROVIDER_HEADER,
      why: 'names no provider of this API that you may use',
    });
  return failed({ code: 'not_found', what: 'a provider of this API that you may use' });
}

/** What a caller's rules and quotas cannot be held to is not done for that caller. */
function barredBy(
  arrival: Arrival,
  { endpoint }: ResourceCall,
  { provider }: Route,
  models: readonly string[],
): Fault | undefined {
  const { access, world } = arrival;
  const goesIn = endpoint.does !== 'list' && endpoint.does !== 'delete';
  const granted = grantedModels(world.routing, provider, (id, model) => access.may(id, model));
  if (goesIn && [...granted, ...models].some((model) => hasRules(arrival, provider.id, model))) {
    return {
      code: 'forbidden',
      what: `your grants attach rules, which cannot look into ${RESOURCE_WORDS[endpoint.kind]}`,
    };
  }
  if (endpoint.kind !== 'batch' || endpoint.does !== 'make') return undefined;
  const buckets = [...new Set(models.flatMap((model) => access.matching(provider.id, model).quotas))];
  if (buckets.length === 0) return undefined;
  const detail = 'a batch: what it costs is known when its results are read';
  return { code: 'quota_exceeded', buckets, retryAfterSeconds: undefined, status: 403, why: 'unbounded', detail };
}

/** Reads the answer of such a request before the client has it, or its end. */
export function readerOf(
  { resources, clock, log }: FrontServices,
  arrival: Arrival,
  id: ExchangeId,
  resource: AskedResource,
  holder: Holder,
): AnswerReader {
  const nowMs = (): number => clock.nowMs();
  return answerReader(resources, resource, holder, ownOrigin(arrival), nowMs, (error) => faultOf(log, error, id));
}

/** The gateway as the client called it: what stands in addresses that it is given. */
function ownOrigin({ request, secure }: Arrival): string {
  const isSecure = secure === true || request.header('x-forwarded-proto') === 'https';
  return `${isSecure ? 'https' : 'http'}://${request.header('host') ?? ''}`;
}
