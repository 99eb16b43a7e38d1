import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { RATE_NAMES } from '../contract/price.ts';
import { isObject } from '../lib/is-object.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { CostBasis } from './basis.ts';

/** Ways of being served that have rates of their own. */
export const SERVICES = ['batch', 'flex', 'priority', 'fast'] as const;
export type Service = (typeof SERVICES)[number];

/** Whose price lists the table holds; `basis.ts` says which of them a cost basis reads. */
const TABLE_PROVIDERS = ['openai', 'anthropic', 'gemini', 'vertex', 'bedrock'] as const;
export type TableProvider = (typeof TABLE_PROVIDERS)[number];

/** Picodollars (1e-12 USD) per token. */
const Rates = z.partialRecord(z.enum(RATE_NAMES), z.int().min(0));

const ModelPrice = z.object({
  mode: z.string(),
  rates: Rates,
  /** Rates of the whole request when its total input is above the limit; ascending. What is not given stays. */
  tiers: z.array(z.object({ above_input_tokens: z.int().positive(), rates: Rates })).default([]),
  services: z.partialRecord(z.enum(SERVICES), Rates).default({}),
  /** Per search, or once per prompt that searched at all. */
  web_search: z.object({ picodollars: z.int().min(0), per: z.enum(['search', 'prompt']) }).optional(),
  /** Token limits: max_context, max_input, max_output. */
  context: z.record(z.string(), z.int()).optional(),
});
export type ModelPrice = z.infer<typeof ModelPrice>;
export type Rates = z.infer<typeof Rates>;

const PriceFile = z.object({
  version: z.string().min(1),
  providers: z.record(z.enum(TABLE_PROVIDERS), z.record(z.string(), ModelPrice)),
});

export interface PriceTable {
  /** `<as of>-<hash of the content>`, and a mark for each set of overrides: what a record's price_version says. */
  readonly version: string;
  readonly providers: ReadonlyMap<TableProvider, ReadonlyMap<string, ModelPrice>>;
  /** The operator's own prices (`overrides.ts`), by cost basis and exact name; they go first. */
  readonly own: ReadonlyMap<CostBasis, ReadonlyMap<string, ModelPrice>>;
}

/** Reads the text of `config/prices.json`. The fault lists what is wrong with it, one line a problem. */
export function parsePriceTable(text: string): Result<PriceTable, string[]> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return failed([`not JSON: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const plain = readPlainly(json);
  if (plain !== undefined) return ok(plain);
  const parsed = PriceFile.safeParse(json);
  if (!parsed.success) return failed(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  const { version, providers } = parsed.data;
  return ok({
    version,
    providers: new Map(TABLE_PROVIDERS.map((name) => [name, new Map(Object.entries(providers[name]))])),
    own: new Map(),
  });
}

/**
 * The schema takes 25 ms for the table, in each of three threads at each start; a plain look takes a few, and knows all that the
 * shipped one has. Undefined where there is anything else: what it is, and what is wrong with it, the schema says.
 */
function readPlainly(json: unknown): PriceTable | undefined {
  if (!isObject(json)) return undefined;
  const { version, providers } = json;
  if (typeof version !== 'string' || version === '' || !isObject(providers)) return undefined;
  if (Object.keys(providers).length !== TABLE_PROVIDERS.length) return undefined;
  const read = new Map<TableProvider, Map<string, ModelPrice>>();
  for (const name of TABLE_PROVIDERS) {
    const prices = plainPrices(providers[name]);
    if (prices === undefined) return undefined;
    read.set(name, prices);
  }
  return { version, providers: read, own: new Map() };
}

function plainPrices(models: unknown): Map<string, ModelPrice> | undefined {
  if (!isObject(models)) return undefined;
  const prices = new Map<string, ModelPrice>();
  for (const [model, price] of Object.entries(models)) {
    if (!isPlainPrice(price)) return undefined;
    prices.set(model, { ...price, tiers: price.tiers ?? [], services: price.services ?? {} });
  }
  return prices;
}

type PlainPrice = Omit<ModelPrice, 'tiers' | 'services'> & Partial<Pick<ModelPrice, 'tiers' | 'services'>>;

function isPlainPrice(value: unknown): value is PlainPrice {
  if (!isObject(value)) return false;
  const { mode, rates, tiers = [], services = {}, web_search, context = {}, ...others } = value;
  return (
    typeof mode === 'string' &&
    isRates(rates) &&
    Array.isArray(tiers) &&
    tiers.every(isTier) &&
    isObject(services) &&
    Object.entries(services).every(([name, each]) => SERVICE_NAMES.has(name) && isRates(each)) &&
    (web_search === undefined || isSearchPrice(web_search)) &&
    isObject(context) &&
    Object.values(context).every(Number.isSafeInteger) &&
    Object.keys(others).length === 0
  );
}

const RATE_KEYS: ReadonlySet<string> = new Set(RATE_NAMES);
const SERVICE_NAMES: ReadonlySet<string> = new Set(SERVICES);

function isRates(value: unknown): boolean {
  return isObject(value) && Object.entries(value).every(([name, rate]) => RATE_KEYS.has(name) && isPrice(rate));
}

function isTier(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { above_input_tokens, rates, ...others } = value;
  return isPrice(above_input_tokens) && above_input_tokens !== 0 && isRates(rates) && Object.keys(others).length === 0;
}

function isSearchPrice(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { picodollars, per, ...others } = value;
  return isPrice(picodollars) && (per === 'search' || per === 'prompt') && Object.keys(others).length === 0;
}

function isPrice(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Reads the price table once per thread, at start. Throws when the file is not one of ours: nothing runs without it. */
export function loadPriceTable(file: string): PriceTable {
  const table = parsePriceTable(readFileSync(file, 'utf8'));
  if (!table.ok) throw new Error(`${file} is not a price table: ${table.fault.slice(0, 5).join('; ')}`);
  return table.value;
}
