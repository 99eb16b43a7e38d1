import type { Api, Compatibility } from '../contract/api.ts';
import type { Fault } from '../contract/fault.ts';
import type { ModelName } from '../contract/ids.ts';
import type { Provider } from '../contract/provider.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';

/** Ids of the grants that allow a model of a provider; undefined when none does. What `access` answers. */
export type Allows = (provider: string, model: string) => readonly string[] | undefined;

/** A provider that serves a model, as that provider knows it. */
export interface Candidate {
  readonly provider: Provider;
  readonly model: ModelName;
}

/** Where models are served, compiled for one world. Disabled providers are not in it. */
export interface RoutingTable {
  /** By the bare name; highest preference first, then config order. */
  readonly byModel: ReadonlyMap<string, readonly Candidate[]>;
  readonly byProvider: ReadonlyMap<string, ReadonlyMap<string, Candidate>>;
}

export interface Route {
  provider: Provider;
  /** As the provider knows it. */
  model: ModelName;
  /** The client wrote another name (`provider/model`): the provider must be sent `model`. */
  rewriteModel: boolean;
  grantIds: readonly string[];
}

/** A client's text in an error message; no provider has a model name longer than this. */
const MODEL_NAME_CHARACTERS = 200;

/** Takes providers in config order. A model that a provider lists twice counts once. */
export function compileRouting(providers: readonly Provider[]): RoutingTable {
  const byModel = new Map<string, Candidate[]>();
  const byProvider = new Map<string, Map<string, Candidate>>();
  for (const provider of providers) {
    if (provider.disabled) continue;
    const models = new Map<string, Candidate>();
    byProvider.set(provider.id, models);
    for (const model of provider.models) {
      if (models.has(model)) continue;
      const candidate: Candidate = { provider, model };
      models.set(model, candidate);
      const others = byModel.get(model);
      if (others === undefined) byModel.set(model, [candidate]);
      else others.push(candidate);
    }
  }
  // The sort is stable, which keeps config order among equals.
  for (const candidates of byModel.values()) {
    candidates.sort((a, b) => b.provider.preference - a.provider.preference);
  }
  return { byModel, byProvider };
}

/**
 * Where a request for a model goes (aperture.md, section 3.1): among the providers that list it, are not disabled,
 * speak the asked format and are granted, the one of highest preference; of equals, the first in the config. A name
 * that begins with a provider's id means that provider first; the same text may also be some provider's own name for a
 * model (`openai/gpt-5` at OpenRouter), and means that one where the first reading leads nowhere. What is not granted
 * is answered like what does not exist, so that names do not leak.
 */
export function planRoute(input: {
  model: string;
  compatibility: Compatibility;
  /** Another format that will do. */
  alsoServedBy?: Compatibility | undefined;
  /** Named in the fault: a side endpoint says more than the flag it needs. */
  api: Api;
  providers: RoutingTable;
  allows: Allows;
  /** Where an earlier response is that this request continues: of those that serve a bare name, this one goes first. */
  holder?: string | undefined;
}): Result<Route, Fault> {
  const { model, compatibility, alsoServedBy, providers, allows, holder } = input;
  const served = new Set<Compatibility>();

  const choose = (candidates: readonly Candidate[]): Route | undefined => {
    for (const candidate of candidates) {
      const grantIds = allows(candidate.provider.id, candidate.model);
      if (grantIds === undefined) continue;
      if (candidate.provider.compatibility.some((flag) => flag === compatibility || flag === alsoServedBy)) {
        return {
          provider: candidate.provider,
          model: candidate.model,
          rewriteModel: candidate.model !== model,
          grantIds,
        };
      }
      for (const flag of candidate.provider.compatibility) served.add(flag);
    }
    return undefined;
  };

  const named = qualified(providers, model);
  const serving = providers.byModel.get(model) ?? [];
  const holding = serving.filter(({ provider }) => provider.id === holder);
  const route = (named === undefined ? undefined : choose([named])) ?? choose(holding) ?? choose(serving);
  if (route !== undefined) return ok(route);
  const name = model.slice(0, MODEL_NAME_CHARACTERS);
  if (served.size === 0) return failed(unknownModel(model));
  return failed({ code: 'model_other_api', model: name, asked: input.api, served: [...served] });
}

/**
 * Where a request about a stored response goes: to the provider that holds it, as long as the caller may use there the
 * model that made it. `model` is as its maker named it, so it is read as `planRoute` read it then.
 */
export function heldRoute(input: {
  provider: string;
  model: string;
  compatibility: Compatibility;
  providers: RoutingTable;
  allows: Allows;
}): Result<Route, Fault> {
  const { provider, model, compatibility, providers, allows } = input;
  const named = qualified(providers, model);
  const candidate = named?.provider.id === provider ? named : providers.byProvider.get(provider)?.get(model);
  if (candidate?.provider.compatibility.includes(compatibility) !== true) return failed(unknownModel(model));
  const grantIds = allows(candidate.provider.id, candidate.model);
  return grantIds === undefined ? failed(unknownModel(model)) : ok({ ...candidate, rewriteModel: false, grantIds });
}

/**
 * Whether a body that goes to `provider` may name this further model. The name reaches it as it stands, so one that the
 * provider lists is the provider's own. Else `provider/model` means that provider's model, and must be granted as such;
 * and what it does not list may still be its own, unless the name says that it is.
 */
export function mayName(input: { provider: Provider; name: string; providers: RoutingTable; allows: Allows }): boolean {
  const { provider, name, providers, allows } = input;
  const granted = allows(provider.id, name) !== undefined;
  if (providers.byProvider.get(provider.id)?.has(name) === true) return granted;
  const named = qualified(providers, name);
  if (named === undefined) return granted;
  if (allows(named.provider.id, named.model) === undefined) return false;
  return granted || named.provider.id === provider.id;
}

function unknownModel(model: string): Fault {
  return { code: 'model_unknown', model: model.slice(0, MODEL_NAME_CHARACTERS) };
}

/** Who serves a model by this name, format and grants aside, in the order in which they are asked. */
export function servedBy(providers: RoutingTable, model: string): readonly Candidate[] {
  const named = qualified(providers, model);
  const byName = providers.byModel.get(model) ?? [];
  return named === undefined ? byName : [named, ...byName.filter((candidate) => candidate !== named)];
}

/** `provider/model`, split at the first slash: a model's own name may hold more. */
function qualified(providers: RoutingTable, text: string): Candidate | undefined {
  const slash = text.indexOf('/');
  return slash < 0 ? undefined : providers.byProvider.get(text.slice(0, slash))?.get(text.slice(slash + 1));
}

/** A model as a list shows it. */
export interface VisibleModel {
  id: ModelName;
  /** Where a request for the bare name goes, format aside. */
  provider: Provider;
  /** All formats in which the caller can have it, from any provider. */
  compatibility: Compatibility[];
}

/** What a caller may use, one entry a bare name, in config order. With `format`, only what answers in that format. */
export function visibleModels(table: RoutingTable, allows: Allows, format?: Compatibility): VisibleModel[] {
  const visible: VisibleModel[] = [];
  for (const [, candidates] of table.byModel) {
    const usable = candidates.filter(
      ({ provider, model }) =>
        (format === undefined || provider.compatibility.includes(format)) && allows(provider.id, model) !== undefined,
    );
    const first = usable[0];
    if (first === undefined) continue;
    const compatibility = new Set(usable.flatMap((candidate) => candidate.provider.compatibility));
    visible.push({ id: first.model, provider: first.provider, compatibility: [...compatibility] });
  }
  return visible;
}
