import { explain } from '../front/explain.ts';
import { ruleText } from '../front/explain-rules.ts';
import type { Explanation } from '../front/explain.ts';
import type { CapabilityExplanation } from '../access/explain.ts';
import { compileAccess } from '../access/grants.ts';
import { compileRouting } from '../routing/plan.ts';
import type { Loaded } from '../../config/load.ts';
import { callerOf } from '../../config/policy-tests.ts';
import { rulesOf } from '../../config/rules.ts';
import { grantsOf, providersOf } from '../../config/slices.ts';

export interface ExplainOptions {
  login: string;
  node: string;
  tags: string[];
  groups: string[];
  model: string | undefined;
}

/** `aperture explain`: what a config lets a caller do, and why; needs no running gateway. */
export function explainConfig({ config }: Loaded, options: ExplainOptions): Explanation {
  const grants = grantsOf(config);
  const providers = providersOf(config);
  const rules = rulesOf(config);
  const parts = { access: compileAccess(grants), routing: compileRouting(providers), grants, providers, rules };
  return explain(parts, callerOf(options), options.model);
}

/** For people: one thought a line, the decision first. No line ends in white space. */
export function explanationText({ caller, role, grants, model }: Explanation): string {
  const lines: string[] = [];
  if (model !== null) {
    lines.push(`${caller.login} ${model.allowed ? 'may use' : 'may not use'} "${model.name}": ${model.why}.`, '');
  }
  lines.push(`role    ${role ?? 'none'}`);
  if (model?.route !== undefined && model.route !== null) {
    lines.push(`route   ${model.route.provider} as "${model.route.model}" (${model.route.compatibility.join(', ')})`);
    for (const [what, names] of [
      ['quotas', model.quotas],
      ['headers', model.add_headers],
    ] as const) {
      if (names.length > 0) lines.push(`${what.padEnd(8)}${names.join(', ')}`);
    }
    if (model.rules.length > 0) {
      lines.push('', 'rules and hooks, in the order in which they run:');
      for (const rule of model.rules) lines.push(`  ${ruleText(rule)}`);
    }
  }
  if (model !== null && model.candidates.length > 0) {
    lines.push('', 'providers that list it, in the order in which they are asked:');
    for (const { provider, preference, disabled, grants: by } of model.candidates) {
      const state = disabled ? 'disabled' : by.length > 0 ? `granted by ${by.join(', ')}` : 'not granted';
      lines.push(`  ${provider} (preference ${preference}): ${state}`);
    }
  }
  lines.push('', grants.length === 0 ? 'no grant matches this caller' : 'grants that match this caller:');
  for (const grant of grants) {
    lines.push(`  ${grant.id}, by ${grant.matched_by.join(', ')}`);
    for (const capability of grant.capabilities) lines.push(`    ${capabilityText(capability)}`);
  }
  return lines.join('\n');
}

function capabilityText(capability: CapabilityExplanation): string {
  const { role, models, applies, quotas, send_hooks, add_headers, rights } = capability;
  const words: string[] = [];
  if (role !== undefined) words.push(`role ${role}`);
  if (models !== undefined) {
    words.push(`models "${models}"${applies === undefined ? '' : applies ? ' (matches)' : ' (does not match)'}`);
  }
  if (quotas !== undefined) words.push(`quotas ${quotas.join(', ')}`);
  if (send_hooks !== undefined) words.push(`hooks ${send_hooks.join(', ')}`);
  if (add_headers !== undefined) words.push(`headers ${add_headers.join(', ')}`);
  for (const [name, given] of Object.entries(rights ?? {})) words.push(`${name} ${given}`);
  return words.length === 0 ? 'nothing that concerns models' : words.join('; ');
}
