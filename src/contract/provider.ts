import type { Compatibility } from './api.ts';
import type { ModelName, ProviderId } from './ids.ts';

/** A provider as rooms see it: the config's `providers.<id>` without its credential, which only `keys` holds. */
export interface Provider {
  id: ProviderId;
  name: string;
  description: string;
  /** Parsed and checked; the path has no trailing slash. */
  baseUrl: string;
  models: ModelName[];
  compatibility: Compatibility[];
  preference: number;
  disabled: boolean;
  /** Lower-case name, value. */
  addHeaders: [string, string][];
  authMode: 'override' | 'passthrough' | 'none';
  /** Ask for usage where a chat client streams without asking (docs/extensions.md). */
  injectUsage: boolean;
  /** Where Vertex has its models, whatever a caller's path says; undefined in express mode, and for all others. */
  vertex?: { project: string; location: string } | undefined;
  costBasis: string | undefined;
  modelCostMap: { match: string; as: string; adjustment: string }[];
}
