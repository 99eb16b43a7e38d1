import type { Caller } from '../contract/caller.ts';
import { APERTURE_CAPABILITY, Capability, directPatterns } from './capability.ts';
import { compileGlob } from '../lib/globs.ts';
import { sourceWord, wordsOf } from './caller-words.ts';
import type { CapabilityInput, GrantInput } from './grant-input.ts';

/** A grant that matches a caller: by which word of its `src`, and what each of its capability objects gives. */
export interface GrantExplanation {
  /** `grants[2]`, `temp_grants[0]`, `tailnet[0]`: what records name. */
  id: string;
  /** The words of `src` that mean this caller; for a grant of the tailnet policy, that it came with the node. */
  matched_by: string[];
  capabilities: CapabilityExplanation[];
}

export interface CapabilityExplanation {
  role?: 'admin' | 'user';
  /** The glob; absent: it applies to every model, and allows none. */
  models?: string;
  /** Whether it applies to the model that was asked about; absent where none was. */
  applies?: boolean;
  quotas?: string[];
  send_hooks?: string[];
  /** Names alone: a value may be a credential. */
  add_headers?: string[];
  /** Globs over `provider/path`. */
  direct_paths?: string[];
  /** `read_metrics` and the like, as given. */
  rights?: Record<string, boolean>;
}

const RIGHTS = ['read_metrics', 'read_pricing', 'read_captures', 'read_audit', 'enable_chat_ui'] as const;

const FROM_POLICY = 'the tailnet policy file';

/** Every grant that matches a caller, in config order; with `model` (`provider/model`), whether each part applies to it. */
export function explainGrants(
  grants: readonly GrantInput[],
  caller: Caller,
  model: { provider: string; model: string } | undefined,
): GrantExplanation[] {
  const words = new Set(wordsOf(caller));
  const segments = model === undefined ? undefined : [model.provider, ...model.model.split('/')];
  const explained = grants.flatMap(({ id, src, capabilities }): GrantExplanation[] => {
    const matched = src.filter((word) => words.has(sourceWord(word)));
    if (matched.length === 0) return [];
    return [{ id, matched_by: matched, capabilities: capabilities.map((each) => explainCapability(each, segments)) }];
  });
  const ofPolicy = (caller.capabilities[APERTURE_CAPABILITY] ?? []).flatMap((object, at): GrantExplanation[] => {
    const parsed = Capability.safeParse(object);
    if (!parsed.success) return [];
    const capability = explainCapability(parsed.data, segments);
    return [{ id: `tailnet[${at}]`, matched_by: [FROM_POLICY], capabilities: [capability] }];
  });
  return [...explained, ...ofPolicy];
}

function explainCapability(
  capability: CapabilityInput,
  segments: readonly string[] | undefined,
): CapabilityExplanation {
  const { role, models, quotas, send_hooks, add_headers } = capability;
  const direct = directPatterns(capability.direct_paths);
  const applies = segments === undefined || models === undefined ? undefined : compileGlob(models).matches(segments);
  const rights = RIGHTS.flatMap((name): [string, boolean][] => {
    const given = capability[name];
    return given === undefined ? [] : [[name, given]];
  });
  return {
    ...(rights.length === 0 ? {} : { rights: Object.fromEntries(rights) }),
    ...(role === undefined ? {} : { role }),
    ...(models === undefined ? {} : { models }),
    ...(applies === undefined ? {} : { applies }),
    ...(quotas === undefined ? {} : { quotas: quotas.map(({ bucket }) => bucket) }),
    ...(send_hooks === undefined ? {} : { send_hooks: send_hooks.map(({ name }) => name) }),
    ...(direct.length === 0 ? {} : { direct_paths: direct }),
    ...(add_headers === undefined
      ? {}
      : { add_headers: add_headers.map((line) => line.split(':', 1).join('').trim()) }),
  };
}
