import type { CostBasis } from './basis.ts';
import type { ModelPrice, PriceTable, TableProvider } from './table.ts';

/**
 * Finding the price of a model by the names that clients and providers use for it. The order, first hit wins:
 *
 * 0. a price of the operator's own, by the name itself or what stands behind each `/`;
 * 1. the name itself, then what stands behind each `/` (`models/gemini-2.5-pro`, `openai/gpt-5`, a Bedrock ARN);
 *    on Bedrock with the region of the request or of the basis in front, and in the other spelling of its version
 *    (`-v1:0`, `-v1`, none); for OpenRouter and Vercel in the vendor's list;
 * 2. the same without a release date (`gpt-5-mini-2025-08-07` is `gpt-5-mini`);
 * 3. the same with a release date, where all dated releases of that name cost the same.
 *
 * Nothing else: no prefix match, no nearest name. A model that is not in the table has an unknown price.
 */
export interface Found {
  basis: CostBasis;
  /** The table's name of it. */
  model: string;
  price: ModelPrice;
  /** What the price leaves out, e.g. `rate_missing:region_us`. */
  flags: string[];
  /** The operator's own price, not the list's. */
  own: boolean;
}

/** Longer names are no model's: the longest in the table has 55 characters, a Bedrock ARN about 150. */
export const NAME_MAX = 512;

/** `gpt-3.5-turbo-instruct:20230824-v2` is how OpenAI's older completions name what answered. */
const RELEASE_DATE = /(?:-\d{4}-\d{2}-\d{2}|[-@]\d{8}|:\d{8}(?:-v\d+)?|@default)$/;
/** Google's stable versions: `gemini-2.5-flash-001`. */
const GOOGLE_VERSION = /-00\d$/;
const BEDROCK_REGION = /^(us-gov|us|eu|apac|jp|au|ca|in|global)\.(?=[a-z])/;
const BEDROCK_VERSION = /-v(\d+)(?::\d+)?$/;

const REGIONS_OF: Partial<Record<CostBasis, string[]>> = {
  'bedrock-us': ['us'],
  'bedrock-eu': ['eu'],
  'bedrock-ap': ['apac', 'jp', 'au'],
};

const VENDORS: Record<string, TableProvider> = { openai: 'openai', anthropic: 'anthropic', google: 'gemini' };

interface Spelling {
  provider: TableProvider;
  name: string;
  flags: string[];
}

/**
 * @param beside the other name of the same exchange: on Bedrock the answer names the bare model and the request says
 *   through which region's profile it was bought.
 */
export function findPrice(table: PriceTable, basis: CostBasis, name: string, beside = ''): Found | undefined {
  if (name === '' || name.length > NAME_MAX) return undefined;
  for (const spelling of behindSlashes(name)) {
    const price = table.own.get(basis)?.get(spelling);
    if (price !== undefined) return { basis, model: spelling, price, flags: [], own: true };
  }
  const spellings = spellingsOf(basis, name, beside);
  const tries: ((spelling: Spelling) => string | undefined)[] = [
    (spelling) => spelling.name,
    (spelling) => undated(spelling),
    (spelling) => dated(table, spelling),
  ];
  for (const attempt of tries) {
    for (const spelling of spellings) {
      const model = attempt(spelling);
      const price = model === undefined ? undefined : table.providers.get(spelling.provider)?.get(model);
      if (model !== undefined && price !== undefined) return { basis, model, price, flags: spelling.flags, own: false };
    }
  }
  return undefined;
}

/** True where two names mean one model, whatever its dialect of region, vendor, version and date. */
export function sameModel(a: string, b: string): boolean {
  return a === b || coreOf(a) === coreOf(b);
}

function coreOf(name: string): string {
  return name
    .slice(name.lastIndexOf('/') + 1, NAME_MAX)
    .replace(BEDROCK_REGION, '')
    .replace(/^[a-z0-9]+\.(?=[a-z])/, '')
    .replace(BEDROCK_VERSION, '')
    .replace(RELEASE_DATE, '')
    .replaceAll(/(?<=\d)\.(?=\d)/g, '-');
}

function spellingsOf(basis: CostBasis, name: string, beside: string): Spelling[] {
  const plain = (provider: TableProvider, flags: string[] = []): Spelling[] =>
    behindSlashes(name).map((spelling) => ({ provider, name: spelling, flags }));
  switch (basis) {
    case 'anthropic':
    case 'openai':
    case 'vertex':
      return plain(basis);
    case 'google':
      return plain('gemini');
    case 'azure':
      return [...plain('openai'), ...plain('anthropic')];
    case 'azure-eu':
      // The lists have no prices of the European data zone, which costs a little more.
      return [...plain('openai', ['rate_missing:azure_eu']), ...plain('anthropic', ['rate_missing:azure_eu'])];
    case 'bedrock':
    case 'bedrock-us':
    case 'bedrock-eu':
    case 'bedrock-ap':
      return behindSlashes(name).flatMap((id) => bedrockSpellings(id, beside, REGIONS_OF[basis] ?? []));
    case 'openrouter':
    case 'vercel':
      return vendorSpelling(name);
  }
}

function behindSlashes(name: string): string[] {
  const names = [name];
  for (let slash = name.indexOf('/'); slash >= 0; slash = name.indexOf('/', slash + 1)) {
    names.push(name.slice(slash + 1));
  }
  return names.slice(0, 8);
}

function bedrockSpellings(id: string, beside: string, regionsOfBasis: string[]): Spelling[] {
  const own = regionOf(id);
  const bare = id.replace(BEDROCK_REGION, '');
  const named = bare.startsWith('claude-') ? `anthropic.${bare}` : bare;
  const besideRegion = regionOf(beside.slice(beside.lastIndexOf('/') + 1));
  const regions = own === undefined ? (besideRegion === undefined ? regionsOfBasis : [besideRegion]) : [own];
  // Where a region's price is not listed, the bare id's may be up to a tenth too low.
  const flags = regions[0] === undefined || regions[0] === 'global' ? [] : [`rate_missing:region_${regions[0]}`];
  const spelled = (prefix: string, why: string[]): Spelling[] =>
    versionsOf(named).map((name) => ({ provider: 'bedrock', name: prefix + name, flags: why }));
  return [...regions.flatMap((region) => spelled(`${region}.`, [])), ...spelled('', flags)];
}

function regionOf(id: string): string | undefined {
  return BEDROCK_REGION.exec(id)?.[1];
}

/** `x-v1:0`, `x-v1` and `x` are one model, `x-v2:0` is another. */
function versionsOf(id: string): string[] {
  const version = BEDROCK_VERSION.exec(id);
  const bare = id.replace(BEDROCK_VERSION, '');
  const number = version?.[1] ?? '1';
  const others = [`${bare}-v${number}:0`, `${bare}-v${number}`, ...(number === '1' ? [bare] : [])];
  return [id, ...others.filter((other) => other !== id)];
}

/** `anthropic/claude-sonnet-4.5`. A variant (`:free`, `:nitro`) has its own price, which no list has. */
function vendorSpelling(name: string): Spelling[] {
  const slash = name.indexOf('/');
  const provider = VENDORS[name.slice(0, slash)];
  if (slash < 0 || provider === undefined) return [];
  const model = name.slice(slash + 1);
  const names = provider === 'anthropic' ? [model, model.replaceAll(/(?<=\d)\.(?=\d)/g, '-')] : [model];
  return names.map((spelling) => ({ provider, name: spelling, flags: [] }));
}

function undated({ provider, name }: Spelling): string | undefined {
  const unversioned = provider === 'bedrock' ? name.replace(BEDROCK_VERSION, '') : name;
  const bare = unversioned.replace(RELEASE_DATE, '');
  if (bare !== unversioned) return bare;
  const google = (provider === 'gemini' || provider === 'vertex') && name.startsWith('gemini-');
  return google && GOOGLE_VERSION.test(name) ? name.replace(GOOGLE_VERSION, '') : undefined;
}

function dated(table: PriceTable, { provider, name }: Spelling): string | undefined {
  let found: string | undefined;
  let price = '';
  for (const [model, entry] of table.providers.get(provider) ?? []) {
    if (!model.startsWith(name) || undated({ provider, name: model, flags: [] }) !== name) continue;
    const itsPrice = JSON.stringify([entry.rates, entry.tiers, entry.services, entry.web_search]);
    if (found !== undefined && itsPrice !== price) return undefined;
    found = model;
    price = itsPrice;
  }
  return found;
}
