import type { GrantInput } from '../access/grant-input.ts';
import type { Access, CallerAccess, ModelAccess } from '../access/grants.ts';
import { explainGrants } from '../access/explain.ts';
import type { GrantExplanation } from '../access/explain.ts';
import type { Compatibility } from '../contract/api.ts';
import type { Caller, IdentitySource } from '../contract/caller.ts';
import type { RulesSlice } from '../contract/guardrail.ts';
import type { Provider } from '../contract/provider.ts';
import { servedBy } from '../routing/plan.ts';
import type { RoutingTable } from '../routing/plan.ts';
import { explainRules } from './explain-rules.ts';
import type { RuleExplanation } from './explain-rules.ts';

/** What an explanation is made from: the same compiled config that decides requests, and what it was compiled from. */
export interface ExplainParts {
  access: Access;
  routing: RoutingTable;
  grants: readonly GrantInput[];
  /** Disabled ones too. */
  providers: readonly Provider[];
  /** Absent or undefined: there are none. */
  rules?: RulesSlice | undefined;
}

export interface Explanation {
  caller: { login: string; node_id: string; tags: string[]; groups: string[]; identity_source: IdentitySource };
  role: 'admin' | 'user' | null;
  /** Grants that match the caller, whatever the model. */
  grants: GrantExplanation[];
  /** Null where no model was asked about. */
  model: ModelExplanation | null;
}

export interface ModelExplanation {
  name: string;
  allowed: boolean;
  /** A sentence. */
  why: string;
  /** Where a request goes, formats aside: the first of the candidates that is granted. */
  route: { provider: string; model: string; compatibility: Compatibility[] } | null;
  candidates: CandidateExplanation[];
  quotas: string[];
  send_hooks: string[];
  /** What `send_hooks` names, in the order in which it runs. */
  rules: RuleExplanation[];
  /** Names alone. */
  add_headers: string[];
}

/** A provider that lists the model, in the order in which they are asked. */
export interface CandidateExplanation {
  provider: string;
  preference: number;
  compatibility: Compatibility[];
  disabled: boolean;
  /** Grants that allow it; empty: none does. */
  grants: string[];
}

/** Why a caller may use a model or may not, by the rules that decide requests. Pure. */
export function explain(parts: ExplainParts, caller: Caller, model: string | undefined): Explanation {
  const access = parts.access.decide(caller);
  const asked = model === undefined ? null : explainModel(parts, access, model);
  const about = asked === null ? undefined : (asked.route ?? firstOf(asked));
  return {
    caller: {
      login: caller.login,
      node_id: caller.nodeId,
      tags: caller.tags,
      groups: caller.groups,
      identity_source: caller.source,
    },
    role: access.role ?? null,
    grants: explainGrants(parts.grants, caller, about),
    model: asked,
  };
}

function firstOf({ name, candidates }: ModelExplanation): { provider: string; model: string } | undefined {
  const [first] = candidates;
  return first === undefined ? undefined : { provider: first.provider, model: bareName(name, first.provider) };
}

function explainModel(parts: ExplainParts, access: CallerAccess, name: string): ModelExplanation {
  const enabled = servedBy(parts.routing, name);
  const candidates = [
    ...enabled.map(({ provider, model }) => candidateOf(provider, access.may(provider.id, model))),
    ...parts.providers
      .filter((provider) => provider.disabled && lists(provider, name))
      .map((provider) => candidateOf(provider, access.may(provider.id, bareName(name, provider.id)))),
  ];
  const chosen = enabled.find(({ provider, model }) => access.may(provider.id, model) !== undefined);
  const attached = chosen === undefined ? undefined : access.matching(chosen.provider.id, chosen.model);
  const allowed = access.role !== undefined && chosen !== undefined;
  return {
    name,
    allowed,
    why: whyOf(access, candidates, chosen?.provider.id),
    route:
      chosen === undefined || !allowed
        ? null
        : { provider: chosen.provider.id, model: chosen.model, compatibility: chosen.provider.compatibility },
    candidates,
    ...attachedNames(attached),
    rules: explainRules(attached?.sendHooks ?? [], parts.rules),
  };
}

function candidateOf(provider: Provider, grants: readonly string[] | undefined): CandidateExplanation {
  const { id, preference, compatibility, disabled } = provider;
  return { provider: id, preference, compatibility, disabled, grants: [...(grants ?? [])] };
}

function attachedNames(
  attached: ModelAccess | undefined,
): Pick<ModelExplanation, 'quotas' | 'send_hooks' | 'add_headers'> {
  return {
    quotas: [...(attached?.quotas ?? [])],
    send_hooks: (attached?.sendHooks ?? []).map(({ name }) => name),
    add_headers: (attached?.addHeaders ?? []).map(([name]) => name),
  };
}

function whyOf(access: CallerAccess, candidates: CandidateExplanation[], chosen: string | undefined): string {
  if (access.role === undefined) return 'no grant gives this caller a role, so there is no access at all';
  if (candidates.length === 0) return 'no provider lists this model';
  if (chosen !== undefined) {
    const granted = candidates.filter(({ grants, disabled }) => grants.length > 0 && !disabled).length;
    return granted > 1
      ? `provider ${chosen} serves it: of ${granted} that are granted, it is the one that is asked first`
      : `provider ${chosen} serves it`;
  }
  if (candidates.every(({ disabled }) => disabled)) return 'every provider that lists this model is disabled';
  return 'the caller has a role, but no grant whose "models" matches a provider that lists this model';
}

function lists(provider: Provider, name: string): boolean {
  const bare = bareName(name, provider.id);
  return provider.models.some((model) => model === name || model === bare);
}

function bareName(name: string, provider: string): string {
  return name.startsWith(`${provider}/`) ? name.slice(provider.length + 1) : name;
}
