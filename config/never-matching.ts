import { directPatterns } from '../src/access/capability.ts';
import { compileGlob } from '../src/lib/globs.ts';
import { globMatches } from '../src/pricing/glob.ts';
import { providersOf } from './slices.ts';
import { shown } from './problem.ts';
import type { Finding, Path } from './problem.ts';
import { chargedQuotas } from './quotas.ts';
import type { Config } from './schema.ts';
import { APERTURE_CAPABILITY } from './schema/grants.ts';
import type { Capability } from './schema/grants.ts';

/**
 * Rules that are well formed and can never apply: the settings that silently do nothing (failure mode 50). Remarks of
 * ours, since Aperture accepts them.
 */
export function neverMatching(config: Config): Finding[] {
  return [...ofGrants(config), ...ofCostMaps(config), ...ofUnreferenced(config), ...ofTies(config)];
}

function ofGrants(config: Config): Finding[] {
  const models = Object.entries(config.providers).flatMap(([id, provider]) =>
    provider.models.filter((model) => model !== '').map((model) => [id, ...model.split('/')]),
  );
  return config.grants.flatMap(({ src, app }, index): Finding[] => {
    const path = ['grants', index];
    const nobody = src.length === 0 ? [advice([...path, 'src'], 'matches nobody: "src" is empty')] : [];
    const words = src.flatMap((word, at) => wordAdvice(word, [...path, 'src', at]));
    const capabilities = app[APERTURE_CAPABILITY].flatMap((capability, at) =>
      capabilityAdvice(capability, [...path, 'app', APERTURE_CAPABILITY, at], models, config),
    );
    return [...nobody, ...words, ...capabilities];
  });
}

/** `src` has no patterns but `*`: what looks like one is a login that nobody has. */
function wordAdvice(word: string, path: Path): Finding[] {
  if (word === '*' || word === '') return [];
  if (word.includes('*')) return [advice(path, `"${shown(word)}" matches nobody: "*" stands alone, for everybody`)];
  if (/\s/.test(word.trim()) || word !== word.trim())
    return [advice(path, `"${shown(word)}" matches nobody: it has white space`)];
  return [];
}

function capabilityAdvice(
  capability: Capability,
  path: Path,
  models: readonly string[][],
  { hooks: rules, providers: known }: Config,
): Finding[] {
  const findings: Finding[] = [];
  const providers = Object.keys(known).map((id) => [id]);
  const { models: pattern, send_hooks: hooks } = capability;
  directPatterns(capability.direct_paths).forEach((each, at) => {
    if (!hasKnownProvider(each, providers)) {
      findings.push(
        advice([...path, 'direct_paths', at], `"${shown(each)}" names no provider: it is a glob over provider/path`),
      );
    }
  });
  if (pattern !== undefined && hasKnownProvider(pattern, models)) {
    const glob = compileGlob(pattern);
    if (!models.some((segments) => glob.matches(segments))) {
      findings.push(advice([...path, 'models'], `"${shown(pattern)}" matches no model of any provider`));
    }
  }
  hooks?.forEach(({ name, events }, index) => {
    // Rules of the gateway itself go by their own "sides".
    if (events.length > 0 || (Object.hasOwn(rules, name) && rules[name]?.builtin !== undefined)) return;
    findings.push(
      advice([...path, 'send_hooks', index], `hook "${shown(name)}" is never called here: "events" is empty`),
    );
  });
  return findings;
}

/** Where the provider is not known either, Aperture's own warning says so. */
function hasKnownProvider(pattern: string, models: readonly string[][]): boolean {
  const [head = ''] = pattern.split('/', 1);
  const glob = compileGlob(head);
  return head === '**' || models.some(([provider = '']) => glob.matches([provider]));
}

/** The first rule that matches wins, so one whose models are all taken by rules before it says nothing. */
function ofCostMaps(config: Config): Finding[] {
  return Object.entries(config.providers).flatMap(([id, { models, model_cost_map }]) =>
    model_cost_map.flatMap(({ match }, index): Finding[] => {
      const path = ['providers', id, 'model_cost_map', index, 'match'];
      // Models that answer may have other names than those that are listed, so a rule for an unlisted one may be meant.
      const matched = models.filter((model) => globMatches(match, model));
      const before = model_cost_map.slice(0, index);
      const shadowed =
        matched.length > 0 && matched.every((model) => before.some((rule) => globMatches(rule.match, model)));
      return shadowed ? [advice(path, `"${shown(match)}" is never used: rules before it match the same models`)] : [];
    }),
  );
}

function ofUnreferenced(config: Config): Finding[] {
  const capabilities = config.grants.flatMap(({ app }) => app[APERTURE_CAPABILITY]);
  const buckets = new Set(capabilities.flatMap(({ quotas }) => (quotas ?? []).map(({ bucket }) => bucket)));
  const charged = chargedQuotas(config, buckets);
  const hooks = new Set([
    ...capabilities.flatMap(({ send_hooks }) => (send_hooks ?? []).map(({ name }) => name)),
    ...config.temp_grants.flatMap(({ grants }) => grants.map(({ hook }) => hook?.hook)),
  ]);
  // Grants of the tailnet policy may name them too, which nobody sees from here.
  const unused = (what: string, path: Path): Finding => ({
    ...advice(path, `${what}: no grant here names it`),
    atKey: true,
  });
  return [
    ...Object.keys(config.quotas)
      .filter((name) => !charged.has(name))
      .map((name) => unused(`quota "${shown(name)}" charges nobody`, ['quotas', name])),
    ...Object.keys(config.hooks)
      .filter((name) => !hooks.has(name))
      .map((name) => unused(unusedHook(name, config), ['hooks', name])),
  ];
}

function unusedHook(name: string, { hooks }: Config): string {
  return hooks[name]?.builtin === undefined
    ? `hook "${shown(name)}" is never called`
    : `rule "${shown(name)}" is never applied`;
}

/** Two providers that are asked for the same model with the same preference: the order in the file then decides. */
function ofTies(config: Config): Finding[] {
  const providers = providersOf(config).filter(({ disabled }) => !disabled);
  return providers.flatMap((provider, index): Finding[] => {
    for (const earlier of providers.slice(0, index)) {
      if (earlier.preference !== provider.preference) continue;
      if (!provider.compatibility.some((flag) => earlier.compatibility.includes(flag))) continue;
      const model = provider.models.find((each) => earlier.models.includes(each));
      if (model === undefined) continue;
      const path = ['providers', provider.id, 'models', provider.models.indexOf(model)];
      return [
        advice(
          path,
          `"${shown(model)}" is never asked of ${provider.id} by its bare name: ${earlier.id} has it with the same preference and stands before`,
        ),
      ];
    }
    return [];
  });
}

function advice(path: Path, message: string): Finding {
  return { severity: 'warning', path, atKey: false, message, advisory: true };
}
