import { mintExchangeId } from '../contract/ids.ts';
import type { Endpoint } from '../protocols/registry.ts';
import type { Result } from '../lib/result.ts';
import { ok } from '../lib/result.ts';
import type { Fault } from '../contract/fault.ts';
import {
  anthropicModel,
  anthropicModels,
  geminiModel,
  geminiModels,
  openaiModel,
  openaiModels,
} from '../routing/models-list.ts';
import type { MetadataLookup } from '../routing/models-list.ts';
import { visibleModels } from '../routing/plan.ts';
import type { VisibleModel } from '../routing/plan.ts';
import { sendFault } from './request-life.ts';
import type { Arrival } from './request-life.ts';
import type { FrontServices } from './services.ts';

type ModelsEndpoint = Extract<Endpoint, { kind: 'models' | 'model' }>;

/** What the caller may use, in the dialect that asked; another's models are not told apart from models that do not exist. */
export function answerModels(services: FrontServices, arrival: Arrival, endpoint: ModelsEndpoint): void {
  const { world, access, request, response } = arrival;
  const format =
    endpoint.dialect === 'anthropic'
      ? 'anthropic_messages'
      : endpoint.dialect === 'google'
        ? 'gemini_generate_content'
        : undefined;
  const models = visibleModels(world.routing, (provider, model) => access.may(provider, model), format);
  const info = access.readPricing ? world.modelMetadata : withoutPrices(world.modelMetadata);
  const answer = endpoint.kind === 'models' ? list(endpoint, models, info, request.query) : one(endpoint, models, info);
  if (answer.ok) response.send(200, [['content-type', 'application/json']], JSON.stringify(answer.value));
  else sendFault(services, response, endpoint.dialect, answer.fault, mintExchangeId(arrival.receivedAtMs));
}

function withoutPrices(lookup: MetadataLookup): MetadataLookup {
  return (provider, model) => {
    const info = lookup(provider, model);
    return info === undefined ? undefined : { ...info, pricing: undefined };
  };
}

function list(
  endpoint: ModelsEndpoint,
  models: readonly VisibleModel[],
  info: MetadataLookup,
  query: string,
): Result<unknown, Fault> {
  if (endpoint.dialect === 'anthropic') return anthropicModels(models, info, query);
  if (endpoint.dialect === 'google') return geminiModels(models, info, query);
  return ok(openaiModels(models, info));
}

function one(
  endpoint: Extract<ModelsEndpoint, { kind: 'model' }>,
  models: readonly VisibleModel[],
  info: MetadataLookup,
): Result<unknown, Fault> {
  const model = models.find(({ id }) => id === endpoint.id);
  if (model === undefined) return { ok: false, fault: { code: 'model_unknown', model: endpoint.id } };
  if (endpoint.dialect === 'anthropic') return ok(anthropicModel(model, info));
  if (endpoint.dialect === 'google') return ok(geminiModel(model, info));
  return ok(openaiModel(model, info));
}
