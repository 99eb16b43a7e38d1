import type { Caller } from '../contract/caller.ts';
import type { Glob } from '../lib/globs.ts';
import { Capability, UNREADABLE_REFERENCE, UnreadableLimit } from './capability.ts';
import { compileGrant } from './compiled-grant.ts';
import type { CompiledGrant } from './compiled-grant.ts';
import type { GrantInput } from './grant-input.ts';

/** Grants of the tailnet policy file, as the caller's node brings them: `tailnet[0]` and so on. */
export function policyGrants(
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
export function customOf(caller: Caller): Record<string, readonly unknown[]> | undefined {
  const entries = Object.entries(caller.capabilities).filter(
    ([name]) => !name.startsWith('tailscale.com/') && !name.startsWith('https://tailscale.com/'),
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
