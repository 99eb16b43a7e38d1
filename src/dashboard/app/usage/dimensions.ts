/** What use is broken down by. Those about other people are an admin's. */
export const DIMENSIONS = ['model', 'agent', 'provider', 'login', 'group'] as const;
export type Dimension = (typeof DIMENSIONS)[number];
export const OWN_DIMENSIONS: readonly Dimension[] = ['model', 'agent', 'provider'];

export const MEASURES = ['cost', 'tokens', 'requests'] as const;
export type Measure = (typeof MEASURES)[number];

/** Under the names that the API gives them. */
export interface Filters {
  login?: string | undefined;
  member_of?: string | undefined;
  model?: string | undefined;
  agent?: string | undefined;
  provider?: string | undefined;
  api?: string | undefined;
  status?: number | undefined;
}
export const NO_FILTERS = {
  login: undefined,
  member_of: undefined,
  model: undefined,
  agent: undefined,
  provider: undefined,
  api: undefined,
  status: undefined,
} satisfies Filters;

/** Only what an item of a breakdown is about. A group is what a caller is a member of. */
export function filterBy(dimension: Dimension, name: string): Filters {
  return dimension === 'group' ? { member_of: name } : { [dimension]: name };
}
