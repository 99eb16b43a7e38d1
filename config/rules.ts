import type { HookEvent, HookRule, Rule, RulesSlice } from '../src/contract/guardrail.ts';
import { headerOf } from '../src/keys/provider-key.ts';
import { failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';
import { readTarget } from '../src/sinks/target.ts';
import { identityOf } from './listeners.ts';
import { shownUrl } from './problem.ts';
import type { Finding, Path } from './problem.ts';
import type { Config } from './schema.ts';
import type { HookConfig } from './schema/policies.ts';
import { grantsOf } from './slices.ts';
import { valueAt } from './value-at.ts';

/** What threads that run rules are told: rules in the order in which they run. Secret: it holds keys of hooks. */
export function rulesOf({ hooks, server }: Config): RulesSlice {
  const { allow, ca_file: caFile } = server.egress;
  const slice: RulesSlice = { rules: [], disabled: [], unusable: [], egress: { allow, caFile } };
  for (const [name, hook] of Object.entries(hooks)) {
    if (hook.disabled) {
      slice.disabled.push(name);
      continue;
    }
    const rule = ruleOf(name, hook);
    if (rule.ok) slice.rules.push(rule.value);
    else slice.unusable.push({ name, failPolicy: hook.fail_policy, why: rule.fault });
  }
  slice.rules.sort(inOrder);
  return slice;
}

/** By descending preference, then by name. */
function inOrder(a: Rule, b: Rule): number {
  return b.preference - a.preference || (a.name < b.name ? -1 : 1);
}

function ruleOf(name: string, hook: HookConfig): Result<Rule, string> {
  const common = { name, preference: hook.preference, failPolicy: hook.fail_policy };
  return hook.builtin === undefined ? hookOf(common, hook) : ok({ type: 'builtin', ...common, builtin: hook.builtin });
}

/** A fault is a sentence about the hook; it quotes nothing. */
function hookOf(
  common: Pick<HookRule, 'name' | 'preference' | 'failPolicy'>,
  hook: HookConfig,
): Result<HookRule, string> {
  if (hook.url === '') return failed('it has no url');
  // Aperture's hooks are called over http too: a config that names such a url means it.
  const target = readTarget(hook.url, true);
  if (!target.ok) return failed(`its url ${target.fault}`);
  const headers = headersOf(hook);
  if (!headers.ok) return headers;
  return ok({ type: 'hook', ...common, target: target.value, headers: headers.value, timeoutMs: hook.timeout });
}

function headersOf({ apikey, authorization }: HookConfig): Result<[string, string][], string> {
  // Keys from files and secret stores often come with the line's end.
  const key = apikey.trim();
  if (key === '') return ok([]);
  if (key.startsWith('keyfile::')) return failed('keyfile:: keys are not supported yet');
  if (!/^[\x20-\x7e]+$/.test(key)) return failed('its apikey holds characters that no header can carry');
  return ok([headerOf(authorization, key)]);
}

export interface HookDestination extends Pick<HookRule, 'target' | 'headers' | 'timeoutMs'> {
  /** `hooks.<name>`. */
  destination: string;
}

/**
 * Hooks that are told of exchanges when these are over. Grants of the tailnet policy file may name any, which nobody
 * sees from here: where callers can bring such grants, every hook is one.
 */
export function hookDestinationsOf(config: Config): HookDestination[] {
  const listeners = [...config.server.listen, ...config.server.listen_h2c];
  const mayBringGrants = listeners.some((listener) => identityOf(listener)?.includes('tailscale') === true);
  const wired = postHooks(config);
  return rulesOf(config).rules.flatMap((rule): HookDestination[] => {
    if (rule.type !== 'hook' || !(mayBringGrants || wired.has(rule.name))) return [];
    const { name, target, headers, timeoutMs } = rule;
    return [{ destination: `hooks.${name}`, target, headers, timeoutMs }];
  });
}

const POST_EVENTS: readonly HookEvent[] = ['entire_request', 'tool_call_entire_request'];

function postHooks(config: Config): Set<string> {
  const references = grantsOf(config).flatMap(({ capabilities }) =>
    capabilities.flatMap(({ send_hooks }) => send_hooks ?? []),
  );
  const told = references.filter(({ events }) => events.some((event) => POST_EVENTS.includes(event)));
  return new Set(told.map(({ name }) => name));
}

/** What is wrong with `hooks` beyond what their schema says. */
export function hookFindings(config: Config, written: unknown): Finding[] {
  return Object.entries(config.hooks).flatMap(([name, hook]) => {
    const path = ['hooks', name];
    const writtenHook = valueAt(written, path);
    // One that cannot be read is gone from the config, and told of by itself.
    const isBuiltin = hook.builtin !== undefined || valueAt(writtenHook, ['builtin']) !== undefined;
    return isBuiltin ? builtinFindings(name, hook, path) : urlFindings(name, hook, path, writtenHook);
  });
}

function builtinFindings(name: string, hook: HookConfig, path: Path): Finding[] {
  const findings: Finding[] = [];
  if (hook.url !== '') {
    const message = `hook ${name} has a url and a rule of the gateway itself ("builtin"): it can be one of them`;
    findings.push({ severity: 'error', path: [...path, 'url'], atKey: false, message, advisory: false });
  }
  if (hook.apikey !== '') {
    findings.push(advice([...path, 'apikey'], `hook ${name}: nobody is sent the key of a rule of the gateway itself`));
  }
  return findings;
}

function urlFindings(name: string, hook: HookConfig, path: Path, writtenHook: unknown): Finding[] {
  const at = [...path, 'url'];
  const warning = { severity: 'warning' as const, path: at, advisory: false };
  if (hook.url === '') return [{ ...warning, atKey: true, message: `hook ${name} has no url configured` }];
  const writtenUrl = valueAt(writtenHook, ['url']);
  const url = shownUrl(typeof writtenUrl === 'string' ? writtenUrl : '');
  if (!/^https?:\/\//i.test(hook.url)) {
    const message = `hook ${name} has invalid URL scheme (must be http:// or https://): ${url}`;
    return [{ ...warning, atKey: false, message }];
  }
  const rule = hookOf({ name, preference: 0, failPolicy: 'fail_closed' }, hook);
  if (!rule.ok) return [advice(at, `hook ${name} is never called: ${rule.fault}`)];
  if (rule.value.target.origin.startsWith('http:') && isFarAway(rule.value.target.host)) {
    return [advice(at, `hook ${name} is called over plain http: whoever is on the way can read what it is told`)];
  }
  return [];
}

/** Neither this machine nor, as far as its name tells, a network of one's own. */
function isFarAway(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  const isOwn = /^(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|\[)/;
  return name.includes('.') && !isOwn.test(name) && !/\.(?:ts\.net|local|internal|localhost)$/.test(name);
}

function advice(path: Path, message: string): Finding {
  return { severity: 'warning', path, atKey: false, message, advisory: true };
}
