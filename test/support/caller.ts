import type { Caller } from '../../src/contract/caller.ts';

/** A person of a tailnet at a laptop; `change` says what matters to the test. */
export function aCaller(change: Partial<Caller> = {}): Caller {
  return {
    login: 'alice@example.com',
    nodeId: 'n1',
    nodeName: 'laptop',
    tags: [],
    groups: ['group:eng'],
    source: 'tailscale',
    capabilities: {},
    ...change,
  };
}
