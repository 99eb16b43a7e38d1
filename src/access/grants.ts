import type { Caller } from '../contract/caller.ts';
import type { Glob } from '../lib/globs.ts';
import { Lru } from '../lib/lru.ts';
import { sourceWord, wordsOf } from './caller-words.ts';
import { APERTURE_CAPABILITY } from './capability.ts';
import { compileGrant } from './compiled-grant.ts';
import type { CompiledGrant, Rule } from './compiled-grant.ts';
import type { CapabilityInput, GrantInput, Role, SendHook } from './grant-input.ts';
import { customOf, policyGrants } from './policy-grants.ts';

/** All that the grants of a caller attach to one model. */
export interface ModelAccess {
  /** Grants whose `models` matched, in config order; undefined where there is none: the model is not allowed. */
  grantIds: readonly string[] | undefined;
  /** Buckets of all matching objects, each once. */
  quotas: readonly string[];
  /** One entry a hook: the events and fields of all matching objects together. */
  sendHooks: readonly SendHook[];
  /** Lower-case name and value, in grant order. */
  addHeaders: readonly (readonly [string, string])[];
}

/** What one caller may do: the union of the grants that match it. The same object for callers of the same grants. */
export interface CallerAccess {
  /** Without one there is no access at all, whatever the models. */
  readonly role: Role | undefined;
  /** Ids of every grant that matches the caller, in config order. */
  readonly grantIds: readonly string[];
  readonly readMetrics: boolean;
  readonly readPricing: boolean;
  readonly readCaptures: boolean;
  readonly readAudit: boolean;
  readonly enableChatUi: boolean;
  /** Names of all quotas that are charged for some model. */
  readonly quotas: readonly string[];
  readonly connectors: readonly string[];
  readonly filterableHeaders: readonly string[];
  /** Opaque capabilities for hooks. */
  readonly custom: Readonly<Record<string, readonly unknown[]>>;
  /** Capability objects of the policy file that could not be read, and gave nothing. */
  readonly unreadableCapabilities: number;
  /** Ids of the grants that allow the model; undefined when none does. */
  may(provider: string, model: string): readonly string[] | undefined;
  /** Extra upstream headers for the model. */
  headersFor(provider: string, model: string): readonly (readonly [string, string])[];
  matching(provider: string, model: string): ModelAccess;
  /** Ids of the grants that open a provider's path as it is, by its decoded segments; undefined when none does. */
  reaches(provider: string, segments: readonly string[]): readonly string[] | undefined;
}

export interface Access {
  decide(caller: Caller): CallerAccess;
}

/** Distinct sets of grants, and callers, remembered. Beyond it they are compiled anew, in microseconds. */
const REMEMBERED_SETS = 4_096;
const REMEMBERED_CALLERS = 65_536;

/** Models remembered for each set of grants. Most are the config's; a client may ask for fallbacks of its own making. */
const REMEMBERED_MODELS = 4_096;
/** A longer name is judged each time: it is a client's invention, and would fill memory. */
const REMEMBERED_NAME_CHARACTERS = 256;

/** Compiles the grants of one world: callers find theirs by index, so the number of grants does not matter to them. */
export function compileAccess(grants: readonly GrantInput[]): Access {
  const globs = new Map<string, Glob>();
  const compiled = grants.map((grant) => compileGrant(grant, globs));
  const bySource = indexBySource(grants);
  const bySet = new Lru<string, CallerAccess>(REMEMBERED_SETS);
  const byKey = new Lru<string, CallerAccess>(REMEMBERED_CALLERS);
  // The identity room hands out the same object for the same caller: no key need be built for it.
  const byCaller = new WeakMap<Caller, CallerAccess>();

  function find(caller: Caller): CallerAccess {
    const indices = grantsOf(caller, bySource);
    const policy = caller.capabilities[APERTURE_CAPABILITY];
    const custom = customOf(caller);
    const own: CompiledGrant[] = [];
    for (const index of indices) {
      const grant = compiled[index];
      if (grant !== undefined) own.push(grant);
    }
    const set = `${indices.join(',')} ${policy === undefined && custom === undefined ? '' : JSON.stringify([policy, custom])}`;
    let access = bySet.get(set);
    if (access === undefined) {
      const { extra, unreadable } = policyGrants(policy ?? [], custom ?? {});
      access = accessOf([...own, ...extra], unreadable);
      bySet.set(set, access);
    }
    return access;
  }

  return {
    decide(caller) {
      const known = byCaller.get(caller);
      if (known !== undefined) return known;
      const key = JSON.stringify([caller.source, caller.login, caller.tags, caller.groups, caller.capabilities]);
      let access = byKey.get(key);
      if (access === undefined) {
        access = find(caller);
        byKey.set(key, access);
      }
      byCaller.set(caller, access);
      return access;
    },
  };
}

/** From a word of `src` to the grants that say it, in config order. */
function indexBySource(grants: readonly GrantInput[]): Map<string, number[]> {
  const index = new Map<string, number[]>();
  grants.forEach((grant, at) => {
    for (const word of new Set(grant.src.map(sourceWord))) {
      const list = index.get(word);
      if (list === undefined) index.set(word, [at]);
      else list.push(at);
    }
  });
  return index;
}

function grantsOf(caller: Caller, bySource: ReadonlyMap<string, readonly number[]>): number[] {
  const found = new Set<number>();
  for (const word of wordsOf(caller)) {
    for (const index of bySource.get(word) ?? []) found.add(index);
  }
  return [...found].sort((a, b) => a - b);
}

function accessOf(grants: readonly CompiledGrant[], unreadableCapabilities: number): CallerAccess {
  const rules = grants.flatMap((grant) => grant.rules);
  const capabilities = rules.map((rule) => rule.capability);
  const role = roleOf(capabilities);
  const isAdmin = role === 'admin';
  const models = new Lru<string, ModelAccess>(REMEMBERED_MODELS);

  function matching(provider: string, model: string): ModelAccess {
    // No provider's id holds a slash, so the key is one pair's.
    const name = `${provider}/${model}`;
    let access = models.get(name);
    if (access === undefined) {
      access = modelAccess(rules, [provider, ...model.split('/')]);
      if (name.length <= REMEMBERED_NAME_CHARACTERS) models.set(name, access);
    }
    return access;
  }

  return {
    role,
    grantIds: grants.filter((grant) => grant.rules.length > 0).map((grant) => grant.id),
    readMetrics: flag(capabilities, 'read_metrics', false),
    // List prices are no secret, and clients show them (aperture.md, section 3.4): off only where a grant says so.
    readPricing: flag(capabilities, 'read_pricing', true),
    readCaptures: flag(capabilities, 'read_captures', isAdmin),
    readAudit: flag(capabilities, 'read_audit', isAdmin),
    enableChatUi: flag(capabilities, 'enable_chat_ui', false),
    quotas: unique(capabilities.flatMap(({ quotas }) => (quotas ?? []).map(({ bucket }) => bucket))),
    connectors: unique(capabilities.flatMap((capability) => capability.connectors ?? [])),
    filterableHeaders: unique(
      capabilities.flatMap((capability) => (capability.filterable_headers ?? []).map((name) => name.toLowerCase())),
    ),
    custom: mergeCustom(grants),
    unreadableCapabilities,
    may: (provider, model) => matching(provider, model).grantIds,
    headersFor: (provider, model) => matching(provider, model).addHeaders,
    matching,
    reaches: (provider, segments) => {
      const opening = rules.filter(({ directPaths }) =>
        directPaths.some((glob) => glob.matches([provider, ...segments])),
      );
      return opening.length === 0 ? undefined : unique(opening.map(({ grantId }) => grantId));
    },
  };
}

function modelAccess(rules: readonly Rule[], segments: readonly string[]): ModelAccess {
  const applying = rules.filter((rule) => rule.glob === undefined || rule.glob.matches(segments));
  const allowing = applying.filter((rule) => rule.allows).map((rule) => rule.grantId);
  return {
    grantIds: allowing.length === 0 ? undefined : unique(allowing),
    quotas: unique(applying.flatMap((rule) => (rule.capability.quotas ?? []).map((quota) => quota.bucket))),
    sendHooks: mergeHooks(applying.flatMap((rule) => rule.capability.send_hooks ?? [])),
    addHeaders: applying.flatMap((rule) => rule.addHeaders),
  };
}

function roleOf(capabilities: readonly CapabilityInput[]): Role | undefined {
  if (capabilities.some((capability) => capability.role === 'admin')) return 'admin';
  return capabilities.some((capability) => capability.role === 'user') ? 'user' : undefined;
}

/** Grants add up: one `true` gives it. A `false` alone takes away what `otherwise` would give. */
function flag(
  capabilities: readonly CapabilityInput[],
  name: 'read_metrics' | 'read_pricing' | 'read_captures' | 'read_audit' | 'enable_chat_ui',
  otherwise: boolean,
): boolean {
  if (capabilities.some((capability) => capability[name] === true)) return true;
  return capabilities.some((capability) => capability[name] === false) ? false : otherwise;
}

function mergeHooks(hooks: readonly SendHook[]): SendHook[] {
  const byName = new Map<string, { events: string[]; send: string[] }>();
  for (const hook of hooks) {
    const merged = byName.get(hook.name) ?? { events: [], send: [] };
    byName.set(hook.name, {
      events: unique([...merged.events, ...hook.events]),
      send: unique([...merged.send, ...hook.send]),
    });
  }
  return [...byName].map(([name, merged]) => ({ name, ...merged }));
}

function mergeCustom(grants: readonly CompiledGrant[]): Record<string, readonly unknown[]> {
  const merged = new Map<string, unknown[]>();
  for (const grant of grants) {
    for (const [name, values] of Object.entries(grant.custom)) {
      merged.set(name, [...(merged.get(name) ?? []), ...values]);
    }
  }
  return Object.fromEntries(merged);
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
