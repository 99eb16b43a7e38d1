/**
 * Whose price list a provider is charged by: Aperture's `cost_basis` (aperture.md, section 2.7). `openrouter` and
 * `vercel` sell at list price and name models `<vendor>/<model>`.
 */
export const COST_BASES = [
  'anthropic',
  'openai',
  'google',
  'vertex',
  'bedrock',
  'bedrock-us',
  'bedrock-eu',
  'bedrock-ap',
  'azure',
  'azure-eu',
  'openrouter',
  'vercel',
] as const;
export type CostBasis = (typeof COST_BASES)[number];

export function isCostBasis(text: string): text is CostBasis {
  return COST_BASES.some((basis) => basis === text);
}

/**
 * What a compatibility flag says about prices. Bedrock's flags say nothing: its prices depend on a region that the
 * operator must name. Order matters: a Vertex provider may also speak `openai_chat`, and charges Vertex prices then.
 */
const INFERRED: [string, CostBasis][] = [
  ['google_raw_predict', 'vertex'],
  ['google_generate_content', 'vertex'],
  ['gemini_generate_content', 'google'],
  ['anthropic_messages', 'anthropic'],
  ['openai_responses', 'openai'],
  ['openai_chat', 'openai'],
];

/**
 * The bases to look a model up in, in order. One where the operator says so. Inferred, there may be several: a provider
 * that speaks two dialects sells the models of both, and their names do not meet.
 */
export function basesOf(costBasis: string | undefined, compatibility: string[], auto: boolean): CostBasis[] {
  if (costBasis !== undefined && costBasis !== '') return isCostBasis(costBasis) ? [costBasis] : [];
  if (!auto || compatibility.some((flag) => flag.startsWith('bedrock_'))) return [];
  const inferred = INFERRED.filter(([flag]) => compatibility.includes(flag)).map(([, basis]) => basis);
  return [...new Set(inferred)];
}

/** Bases whose responses say what they charged, and charge what they say. */
export function reportsItsCost(basis: CostBasis): boolean {
  return basis === 'openrouter' || basis === 'vercel';
}
