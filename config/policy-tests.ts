import { compileAccess } from '../src/access/grants.ts';
import type { Caller } from '../src/contract/caller.ts';
import { explain } from '../src/front/explain.ts';
import { compileRouting } from '../src/routing/plan.ts';
import type { Finding } from './problem.ts';
import type { Config } from './schema.ts';
import type { PolicyTest } from './schema/server.ts';
import { grantsOf, providersOf } from './slices.ts';

/** Whom a policy test is about: known as the tailnet would know them, or as `(loopback)`. */
export function callerOf(who: Pick<PolicyTest, 'login' | 'node' | 'tags' | 'groups'>): Caller {
  const tags = [...new Set(who.tags)].sort();
  return {
    login: tags.length > 0 ? tags.join(',') : who.login,
    nodeId: who.node,
    nodeName: '',
    tags,
    groups: tags.length > 0 ? [] : [...who.groups].sort(),
    source: who.login === '(loopback)' ? 'loopback' : 'tailscale',
    capabilities: {},
  };
}

/** `server.policy_tests` that this config does not pass: errors, so that it is neither saved nor started with. */
export function policyTestFindings(config: Config): Finding[] {
  if (config.server.policy_tests.length === 0) return [];
  const grants = grantsOf(config);
  const providers = providersOf(config);
  const parts = { access: compileAccess(grants), routing: compileRouting(providers), grants, providers };
  return config.server.policy_tests.flatMap((test, index): Finding[] => {
    const caller = callerOf(test);
    const { model } = explain(parts, caller, test.model);
    if (model === null || model.allowed === test.allow) return [];
    const verdict = model.allowed ? 'may use' : 'may not use';
    const message = `policy test fails: ${caller.login} ${verdict} "${test.model}" (${model.why})`;
    return [{ severity: 'error', path: ['server', 'policy_tests', index], atKey: false, message, advisory: false }];
  });
}
