import type { z } from 'zod';
import { UNREADABLE_REFERENCE } from '../src/access/capability.ts';
import { assert } from '../src/lib/result.ts';
import type { Finding, Path } from './problem.ts';
import { pathText, shown } from './problem.ts';
import { Config } from './schema.ts';
import { APERTURE_CAPABILITY } from './schema/grants.ts';
import { isObject, valueAt } from './value-at.ts';

type Issue = z.core.$ZodIssue;

export interface ReadConfig {
  config: Config;
  findings: Finding[];
}

/** Each round takes out what the last one found; what is left is checked once more, a level or two deeper. */
const MOST_ROUNDS = 12;

/**
 * Reads a whole config, whatever is wrong with it: a part that does not fit is reported, taken out, and its default
 * stands in. Sections of Aperture's give warnings, as there, and ours errors. `written` is the value before macros:
 * messages quote that one.
 */
export function readConfig(value: unknown, written: unknown): ReadConfig {
  const findings: Finding[] = [];
  const known = new Set<string>();
  let draft: unknown = structuredClone(value);
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const outcome = Config.safeParse(draft);
    if (outcome.success) return { config: outcome.data, findings };
    const fresh = outcome.error.issues
      .flatMap((issue) => findingsOf(issue, draft, written))
      .filter(({ path }) => !known.has(pathText(path)));
    findings.push(...fresh);
    // One remark a place: taking a part out can make the next round say that it is missing, or its list too short.
    for (const { path } of fresh) {
      for (let depth = 1; depth <= path.length; depth += 1) known.add(pathText(path.slice(0, depth)));
    }
    draft = applyRepairs(
      draft,
      outcome.error.issues.flatMap((issue) => repairsFor(issue, draft)),
    );
  }
  assert(false, 'a config settles within a few rounds of repairs');
}

function findingsOf(issue: Issue, draft: unknown, written: unknown): Finding[] {
  const path = plainPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      severity: isOurs(path) ? 'error' : 'warning',
      path: [...path, key],
      atKey: true,
      advisory: false,
      message: capabilityField(path) === undefined ? `unknown config key "${key}"` : `json: unknown field "${key}"`,
    }));
  }
  // Go reads null as "not given", so this is no remark.
  if (valueAt(draft, path) === null && path.length > 0) return [];
  const severity = isOurs(path) || path[0] === 'quotas' || path.length === 0 ? 'error' : 'warning';
  return [{ severity, path, atKey: false, advisory: false, message: messageOf(issue, path, draft, written) }];
}

const OUR_EXPORTERS: ReadonlySet<unknown> = new Set(['webhooks', 'otlp', 'syslog']);

/** Sections that Aperture does not have: its clients write nothing into them that we would have to accept. */
function isOurs([section, part, field]: Path): boolean {
  if (section === 'hooks') return field === 'builtin';
  return section === 'server' || (section === 'exporters' && OUR_EXPORTERS.has(part));
}

/** The wording of aperture.md, section 2.10, where it has one. */
function messageOf(issue: Issue, path: Path, draft: unknown, written: unknown): string {
  const value = valueAt(draft, path);
  const quoted = shown(valueAt(written, path));
  const [section, name = '', field] = path;
  if (field === 'authorization' && issue.code === 'invalid_value') {
    const owner = section === 'hooks' ? 'hook' : 'provider';
    return `${owner} ${name} has invalid authorization type: ${quoted}`;
  }
  const what = faultOf(issue, value, quoted);
  return section === 'quotas' && path.length > 1 ? `quota ${name}: ${[...path.slice(2), what].join(' ')}` : what;
}

function faultOf(issue: Issue, value: unknown, quoted: string): string {
  if (value === undefined) return 'is required';
  switch (issue.code) {
    case 'invalid_type':
      return `cannot unmarshal ${typeName(value)} into a field of type ${issue.expected}`;
    case 'invalid_value':
      return `${typeof value === 'number' ? quoted : `"${quoted}"`} is not one of ${issue.values.filter((allowed) => allowed !== '').join(', ')}`;
    case 'too_small':
      return typeof value === 'number' ? `${quoted} is less than ${issue.minimum.toString()}` : issue.message;
    case 'too_big':
      return typeof value === 'number' ? `${quoted} is more than ${issue.maximum.toString()}` : issue.message;
    default:
      return typeof value === 'string' ? `"${quoted}" ${issue.message}` : issue.message;
  }
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** What a capability takes rather than gives. */
const LIMITS = ['quotas', 'send_hooks'];

type Repair = { path: Path; to: 'nothing' } | { path: Path; to: 'value'; value: unknown };

/** What stands in for a part that does not fit: its default, unless that would open what was meant to be closed. */
function repairsFor(issue: Issue, draft: unknown): Repair[] {
  const path = plainPath(issue.path);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ path: [...path, key], to: 'nothing' }));
  const value = valueAt(draft, path);
  if (path.length === 0) return [{ path, to: 'value', value: {} }];
  if (value === undefined) return [{ path: path.slice(0, -1), to: 'nothing' }];
  const closed = value === null ? undefined : closedRepair(path, draft);
  if (closed !== undefined) return [closed];
  if (typeof path.at(-1) === 'number' && issue.code === 'invalid_type') {
    // An element keeps its place, as Go's zero value does, so that indices go on meaning what the file says.
    if (issue.expected === 'string') return [{ path, to: 'value', value: '' }];
    if (issue.expected === 'object') return [{ path, to: 'value', value: {} }];
  }
  return [{ path, to: 'nothing' }];
}

function closedRepair(path: Path, draft: unknown): Repair | undefined {
  const field = capabilityField(path);
  // Which models it means nobody knows: it gives none of them, and what it limits it limits for all.
  if (field === 'models') return { path: path.slice(0, 5), to: 'value', value: limitsAt(path.slice(0, 5), draft) };
  if (field === 'quotas') return unreadable(path, { bucket: UNREADABLE_REFERENCE });
  if (field === 'send_hooks') return unreadable(path, { name: UNREADABLE_REFERENCE, events: ['pre_request'] });
  const [section, , third] = path;
  if (section === 'providers' && third === 'disabled') return { path, to: 'value', value: true };
  if (section === 'hooks' && third === 'fail_policy') return { path, to: 'value', value: 'fail_closed' };
  if (section === 'database' && path.at(-1) === 'redact_values') return { path, to: 'value', value: true };
  return undefined;
}

function limitsAt(path: Path, draft: unknown): Record<string, unknown> {
  const capability = valueAt(draft, path);
  if (!isObject(capability)) return {};
  return Object.fromEntries(Object.entries(capability).filter(([field]) => LIMITS.includes(field)));
}

function unreadable(path: Path, reference: unknown): Repair {
  return { path: path.slice(0, 6), to: 'value', value: [reference] };
}

/** `grants[0].app["tailscale.com/cap/aperture"][1].models...` -> `models`; undefined outside a capability. */
function capabilityField(path: Path): string | undefined {
  const inside = path[0] === 'grants' && path[2] === 'app' && path[3] === APERTURE_CAPABILITY && path.length > 4;
  return inside ? String(path[5] ?? '') : undefined;
}

function applyRepairs(draft: unknown, repairs: Repair[]): unknown {
  let whole = draft;
  const repaired = new Set(repairs.map(({ path }) => pathText(path)));
  const removals = new Map<unknown[], Set<number>>();
  for (const repair of repairs) {
    const { path } = repair;
    // What stands inside another repair goes with it.
    if (path.some((_, depth) => repaired.has(pathText(path.slice(0, depth))))) continue;
    const last = path.at(-1);
    if (last === undefined) {
      whole = repair.to === 'value' ? repair.value : {};
      continue;
    }
    const parent = valueAt(whole, path.slice(0, -1));
    if (Array.isArray(parent) && typeof last === 'number') {
      const elements: unknown[] = parent;
      if (repair.to === 'value') elements[last] = repair.value;
      else removals.set(elements, (removals.get(elements) ?? new Set()).add(last));
    } else if (isObject(parent)) {
      if (repair.to === 'value') parent[last] = repair.value;
      else Reflect.deleteProperty(parent, last);
    }
  }
  // From the end, so that the indices before still hold.
  for (const [elements, indices] of removals) {
    for (const index of [...indices].sort((a, b) => b - a)) elements.splice(index, 1);
  }
  return whole;
}

/** Zod's paths may hold symbols, JSON's cannot. */
function plainPath(path: PropertyKey[]): Path {
  return path.filter((part) => typeof part !== 'symbol');
}
