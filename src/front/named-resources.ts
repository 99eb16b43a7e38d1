import type { Fault } from '../contract/fault.ts';
import type { Holding } from '../contract/holding.ts';
import { RESOURCE_WORDS } from '../contract/resource.ts';
import type { NamedResource } from '../contract/resource.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { Resources } from '../resources/resources.ts';

/** Where all is that a request names: its provider, and that provider's key. */
export interface HeldBy {
  provider: string;
  keyId: string;
}

export interface NamedHoldings {
  /** Undefined where the request names nothing. */
  held: HeldBy | undefined;
  holdings: { resource: NamedResource; holding: Holding }[];
}

/**
 * Whose all is that a request names: the caller's own, each of it, and at one place. One after the other, so that a body
 * full of strange ids costs one search.
 */
export async function namedHoldings(
  resources: Resources,
  login: string,
  named: readonly NamedResource[],
): Promise<Result<NamedHoldings, Fault>> {
  const found: NamedHoldings = { held: undefined, holdings: [] };
  for (const resource of named) {
    const own = await resources.find(resource, login);
    if (!own.ok) return own;
    const { provider, keyId = '' } = own.value;
    found.held ??= { provider, keyId };
    if (found.held.provider !== provider || found.held.keyId !== keyId)
      return elsewhere(resource, 'other objects that it names');
    found.holdings.push({ resource, holding: own.value });
  }
  return ok(found);
}

/** What the request names, and the provider that it goes to, do not come together. */
export function elsewhere({ kind }: NamedResource, than: string): Result<never, Fault> {
  const why = `${RESOURCE_WORDS[kind]} that the request names is kept at another provider, or under another key, than ${than}`;
  return failed({ code: 'resource_elsewhere', why });
}
