import { modelName } from '../contract/ids.ts';
import type { Provider } from '../contract/provider.ts';
import type { Route } from './plan.ts';

/** Ids of the grants that open a path of a provider; undefined when none does. What `access` answers. */
export type Reaches = (provider: string, segments: readonly string[]) => readonly string[] | undefined;

/** No model is asked for; what grants attach to every model holds all the same. */
const NO_MODEL = modelName('');

/**
 * Where a path goes that grants open as it is: to the provider that the caller named, else to the one of highest
 * preference whose path is open; of equals, the first in the config.
 */
export function directRoute(input: {
  providers: readonly Provider[];
  segments: readonly string[];
  reaches: Reaches;
  /** As the caller named it. */
  named: string | undefined;
}): Route | undefined {
  const { providers, segments, reaches, named } = input;
  let best: Route | undefined;
  for (const provider of providers) {
    if (provider.disabled || (named !== undefined && named !== provider.id)) continue;
    const grantIds = reaches(provider.id, segments);
    if (grantIds === undefined || (best !== undefined && best.provider.preference >= provider.preference)) continue;
    best = { provider, model: NO_MODEL, rewriteModel: false, grantIds };
  }
  return best;
}
