import type { Compatibility } from '../contract/api.ts';
import type { ModelName } from '../contract/ids.ts';
import type { Provider } from '../contract/provider.ts';
import { mayName } from './plan.ts';
import type { Allows, Candidate, Route, RoutingTable } from './plan.ts';

/** What is asked of a provider without a model of its own. */
export interface ResourceAsk {
  providers: RoutingTable;
  allows: Allows;
  /** The provider must speak one of them. */
  speaks: readonly Compatibility[];
  /** Where it must go: what the request names is there, or the caller said so. */
  provider?: string | undefined;
  /** Every model that it can bill, by bare name. */
  models: readonly string[];
}

/**
 * Where such a request goes: to the first provider in the config that speaks the format, of which the caller may use some
 * model, and each model that the request names. Undefined where there is none.
 */
export function resourceRoute({ providers, allows, speaks, provider, models }: ResourceAsk): Route | undefined {
  for (const [id, served] of providers.byProvider) {
    if (provider !== undefined && provider !== id) continue;
    const granted = firstGranted(served, allows);
    if (granted === undefined || !speaks.some((flag) => granted.provider.compatibility.includes(flag))) continue;
    if (!models.every((name) => mayBill(granted.provider, name, providers, allows))) continue;
    const [first] = models;
    const model = first === undefined ? granted : (served.get(first) ?? granted);
    return { ...model, rewriteModel: false, grantIds: allows(id, model.model) ?? [] };
  }
  return undefined;
}

/** Of one provider, every model that the caller may use. */
export function grantedModels(providers: RoutingTable, provider: Provider, allows: Allows): ModelName[] {
  const served = providers.byProvider.get(provider.id)?.values() ?? [];
  return [...served].flatMap(({ model }) => (allows(provider.id, model) === undefined ? [] : [model]));
}

function firstGranted(served: ReadonlyMap<string, Candidate>, allows: Allows): Candidate | undefined {
  for (const candidate of served.values()) {
    if (allows(candidate.provider.id, candidate.model) !== undefined) return candidate;
  }
  return undefined;
}

/** The name reaches the provider as it stands: `provider/model` would be another model there, or none. */
function mayBill(provider: Provider, name: string, providers: RoutingTable, allows: Allows): boolean {
  return name !== '' && allows(provider.id, name) !== undefined && mayName({ provider, name, providers, allows });
}
