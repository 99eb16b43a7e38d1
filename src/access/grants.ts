import type { Caller } from '../contract/caller.ts';
import { Lru } from '../lib/lru.ts';
import {
  APERTURE_CAPABILITY,
  Capability,
  directPatterns,
  UNREADABLE_REFERENCE,
  UnreadableLimit,
} from './capability.ts';
import { compileGlob } from '../lib/globs.ts';
import type { Glob } from '../lib/globs.ts';
import { readHeaderLine } from './header-line.ts';

/** A grant as config has read it. */
export interface GrantInput {
  /** Stable within a config; what records and explanations name. */
  id: string;
  /** `*`, login, `group:x`, a group's e-mail address, one tag or a device's joined tags, `(loopback)`. */
  src: readonly string[];
  capabilities: readonly CapabilityInput[];
  /** Capabilities of others, by name: opaque, for hooks. */
  custom: Readonly<Record<string, readonly unknown[]>>;
}

export type Role = 'admin' | 'user';

export interface CapabilityInput {
  role?: Role | undefined;
  models?: string | undefined;
  quotas?: readonly { bucket: string }[] | undefined;
  send_hooks?: readonly SendHook[] | undefined;
  add_headers?: readonly string[] | undefined;
  connectors?: readonly string[] | undefined;
  read_metrics?: boolean | undefined;
  read_pricing?: boolean | undefined;
  read_captures?: boolean | undefined;
  read_audit?: boolean | undefined;
  filterable_headers?: readonly string[] | undefined;
  enable_chat_ui?: boolean | undefined;
  direct_paths?: unknown;
}

export interface SendHook {
  name: string;
  events: readonly string[];
  send: readonly string[];
}

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

/** A capability object, compiled. */
interface Rule {
  grantId: string;
  capability: CapabilityInput;
  /** Undefined: it applies to every model, and allows none. */
  glob: Glob | undefined;
  /** Whether it allows the models that it applies to. */
  allows: boolean;
  addHeaders: [string, string][];
  directPaths: Glob[];
}

interface CompiledGrant {
  id: string;
  rules: Rule[];
  custom: Readonly<Record<string, readonly unknown[]>>;
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

function compileGrant(
  grant: Pick<GrantInput, 'id' | 'capabilities' | 'custom'>,
  globs: Map<string, Glob>,
): CompiledGrant {
  return {
    id: grant.id,
    rules: grant.capabilities.map((capability) => ({
      grantId: grant.id,
      capability,
      glob: capability.models === undefined ? undefined : shared(globs, capability.models),
      allows: capability.models !== undefined,
      // What is malformed was warned of when the config was read.
      addHeaders: (capability.add_headers ?? []).flatMap((line) => {
        const header = readHeaderLine(line);
        return header === undefined ? [] : [header];
      }),
      directPaths: directPatterns(capability.direct_paths).map((pattern) => shared(globs, pattern)),
    })),
    custom: grant.custom,
  };
}

function shared(globs: Map<string, Glob>, pattern: string): Glob {
  let glob = globs.get(pattern);
  if (glob === undefined) {
    glob = compileGlob(pattern);
    globs.set(pattern, glob);
  }
  return glob;
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

/** A word of `src` as callers' words are compared with it: joined tags in the order that a device's login has them. */
export function sourceWord(src: string): string {
  if (!src.startsWith('tag:') || !src.includes(',')) return src;
  const tags = src.split(',').map((tag) => tag.trim());
  return [...new Set(tags)].sort().join(',');
}

/**
 * The words of `src` that mean this caller. A login is never read as a tag, a group or loopback: what kind a word is
 * of, the identity's source decides, not its spelling.
 */
export function wordsOf(caller: Caller): string[] {
  const words = ['*'];
  if (caller.source === 'loopback') words.push('(loopback)');
  else if (caller.source === 'token') words.push(...tokenWords(caller));
  else if (caller.tags.length > 0) words.push(...caller.tags, caller.login);
  else if (!/^(?:tag:|group:|token:|\(|\*)/.test(caller.login)) words.push(caller.login);
  for (const group of caller.groups) {
    words.push(group.startsWith('group:') ? group : `group:${group}`);
    // A synced group may be written by its e-mail address; only the tailnet tells those apart from a person's.
    if (caller.source === 'tailscale' && group.includes('@') && !group.startsWith('group:')) words.push(group);
  }
  return words;
}

/**
 * A token is meant by its own login (`token:…`) and by the tags that an admin gave it, as a tagged device is. Never by a
 * person's login, whatever the store says: a grant to somebody is not one to all that carries their name.
 */
function tokenWords({ login, tags }: Caller): string[] {
  const own = login.startsWith('token:') ? [login] : [];
  return tags.length > 0 ? [...own, ...tags, [...tags].sort().join(',')] : own;
}

function grantsOf(caller: Caller, bySource: ReadonlyMap<string, readonly number[]>): number[] {
  const found = new Set<number>();
  for (const word of wordsOf(caller)) {
    for (const index of bySource.get(word) ?? []) found.add(index);
  }
  return [...found].sort((a, b) => a - b);
}

/** Grants of the tailnet policy file, as the caller's node brings them: `tailnet[0]` and so on. */
function policyGrants(
  objects: readonly unknown[],
  custom: Readonly<Record<string, readonly unknown[]>>,
): { extra: CompiledGrant[]; unreadable: number } {
  const globs = new Map<string, Glob>();
  let unreadable = 0;
  const extra = objects.flatMap((object, at) => {
    const parsed = Capability.safeParse(object);
    if (parsed.success) return [compileGrant({ id: `tailnet[${at}]`, capabilities: [parsed.data], custom: {} }, globs)];
    unreadable += 1;
    const limit = unreadableLimit(object);
    return limit === undefined ? [] : [withoutRights(compileGrant({ ...limit, id: `tailnet[${at}]` }, globs))];
  });
  extra.push({ id: 'tailnet', rules: [], custom });
  return { extra, unreadable };
}

/**
 * What cannot be read gives nothing, and lifts no limit either: where it names quotas or hooks, the models that it would
 * have matched are charged to a quota or sent to a hook that does not exist, and so refused.
 */
function unreadableLimit(object: unknown): Pick<GrantInput, 'capabilities' | 'custom'> | undefined {
  const limit = UnreadableLimit.safeParse(object);
  if (!limit.success) return undefined;
  const { models, quotas, sendHooks } = limit.data;
  const hook = { name: UNREADABLE_REFERENCE, events: ['pre_request'], send: [] };
  const capability = {
    models,
    ...(quotas ? { quotas: [{ bucket: UNREADABLE_REFERENCE }] } : {}),
    ...(sendHooks ? { send_hooks: [hook] } : {}),
  };
  return { capabilities: [capability], custom: {} };
}

function withoutRights(grant: CompiledGrant): CompiledGrant {
  return { ...grant, rules: grant.rules.map((rule) => ({ ...rule, allows: false, directPaths: [] })) };
}

/** Capabilities of the policy file that are neither ours nor Tailscale's own. */
function customOf(caller: Caller): Record<string, readonly unknown[]> | undefined {
  const entries = Object.entries(caller.capabilities).filter(
    ([name]) => !name.startsWith('tailscale.com/') && !name.startsWith('https://tailscale.com/'),
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
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
