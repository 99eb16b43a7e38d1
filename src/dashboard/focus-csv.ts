import { isCostBasis } from '../pricing/basis.ts';
import type { CostBasis } from '../pricing/basis.ts';
import { roundHalfEven } from '../pricing/exact.ts';
import type { Rational } from '../pricing/exact.ts';
import { servedAs } from '../pricing/rates.ts';
import type { Charge, ChargedFor } from './focus-charges.ts';
import type { ChargedTogether } from './focus-groups.ts';
import { DAY_MS } from './range.ts';
import { textCell } from './usage-csv.ts';

/** The version of the FinOps Open Cost and Usage Specification whose columns these are. */
export const FOCUS_VERSION = '1.3';

/** How what was used is called, counted and priced. `per`: the price is of so many. */
interface Meaning {
  meter: string;
  unit: string;
  per: bigint;
}

const tokens = (meter: string): Meaning => ({ meter, unit: 'Tokens', per: 1_000_000n });

const MEANINGS: Record<ChargedFor, Meaning> = {
  input_uncached: tokens('Input Tokens'),
  cache_read: tokens('Cached Input Tokens'),
  cache_read_audio: tokens('Cached Audio Input Tokens'),
  cache_write_5m: tokens('Cache Write Tokens (5 Minutes)'),
  cache_write_1h: tokens('Cache Write Tokens (1 Hour)'),
  cache_write_other: tokens('Cache Write Tokens'),
  output: tokens('Output Tokens'),
  reasoning: tokens('Reasoning Tokens'),
  audio_in: tokens('Audio Input Tokens'),
  image_in: tokens('Image Input Tokens'),
  audio_out: tokens('Audio Output Tokens'),
  image_out: tokens('Image Output Tokens'),
  web_search: { meter: 'Web Searches', unit: 'Searches', per: 1000n },
  tokens: tokens('Tokens'),
  requests: { meter: 'Requests', unit: 'Requests', per: 1n },
};

/** By whose list it was charged: who sells, and what it is called there. */
const SELLERS: Record<CostBasis, { provider: string; service: string }> = {
  anthropic: { provider: 'Anthropic', service: 'Claude API' },
  openai: { provider: 'OpenAI', service: 'OpenAI API' },
  google: { provider: 'Google', service: 'Gemini API' },
  vertex: { provider: 'Google Cloud', service: 'Vertex AI' },
  bedrock: { provider: 'AWS', service: 'Amazon Bedrock' },
  'bedrock-us': { provider: 'AWS', service: 'Amazon Bedrock' },
  'bedrock-eu': { provider: 'AWS', service: 'Amazon Bedrock' },
  'bedrock-ap': { provider: 'AWS', service: 'Amazon Bedrock' },
  azure: { provider: 'Microsoft', service: 'Azure OpenAI' },
  'azure-eu': { provider: 'Microsoft', service: 'Azure OpenAI' },
  openrouter: { provider: 'OpenRouter', service: 'OpenRouter API' },
  vercel: { provider: 'Vercel', service: 'AI Gateway' },
};

/** A charge with what several of its columns are made of. */
interface Row {
  charge: Charge;
  of: ChargedTogether;
  meaning: Meaning;
  seller: { provider: string; service: string };
  /** How it was served and within which limit: what a price depends on, beside the model and the kind. */
  tier: string;
  sku: string;
  quantity: Rational;
  list: Priced;
  agreed: Priced;
}

/** Dollars of a unit, and of all of them: the one times the quantity is the other. */
interface Priced {
  unit: string;
  cost: string;
}

/** A cell: text is guarded, a number stands as it is, and nothing stands for null. */
type Cell = { text: string | null } | { number: string };
const text = (value: string | null): Cell => ({ text: value });
const number = (value: string): Cell => ({ number: value });

/** FOCUS's columns by the alphabet, then ours. A column that would be null in all rows, and may be left out, is left out. */
const COLUMNS: Record<string, (row: Row) => Cell> = {
  BilledCost: ({ charge }) => number(nanodollars(charge.costNanodollars)),
  BillingAccountId: ({ of }) => text(nameOf(of.provider)),
  BillingAccountName: () => text(null),
  BillingCurrency: () => text('USD'),
  BillingPeriodEnd: ({ of }) => text(monthAfter(of.dayMs, 1)),
  BillingPeriodStart: ({ of }) => text(monthAfter(of.dayMs, 0)),
  ChargeCategory: () => text('Usage'),
  ChargeClass: () => text(null),
  ChargeDescription: ({ of, meaning, tier }) => text(`${meaning.meter}, ${nameOf(of.model)}, ${tier}`),
  ChargeFrequency: () => text('Usage-Based'),
  ChargePeriodEnd: ({ of }) => text(timeOf(of.dayMs + DAY_MS)),
  ChargePeriodStart: ({ of }) => text(timeOf(of.dayMs)),
  ConsumedQuantity: ({ charge }) => number(String(charge.consumed)),
  ConsumedUnit: ({ meaning }) => text(meaning.unit),
  ContractedCost: ({ agreed }) => number(agreed.cost),
  ContractedUnitPrice: ({ agreed }) => number(agreed.unit),
  EffectiveCost: ({ charge }) => number(nanodollars(charge.costNanodollars)),
  HostProviderName: ({ seller }) => text(seller.provider),
  InvoiceIssuerName: ({ seller }) => text(seller.provider),
  ListCost: ({ list }) => number(list.cost),
  ListUnitPrice: ({ list }) => number(list.unit),
  PricingCategory: ({ of }) => text(isReported(of) ? 'Other' : 'Standard'),
  PricingQuantity: ({ quantity }) => number(decimal(quantity, PRICE_DIGITS)),
  PricingUnit: ({ meaning }) => text(meaning.per === 1n ? meaning.unit : `${meaning.per} ${meaning.unit}`),
  ProviderName: ({ seller }) => text(seller.provider),
  PublisherName: ({ seller }) => text(seller.provider),
  ResourceId: ({ of }) => text(of.model === '' ? null : `${nameOf(of.provider)}/${of.model}`),
  ResourceName: ({ of }) => text(of.model === '' ? null : of.model),
  ResourceType: ({ of }) => text(of.model === '' ? null : 'Model'),
  ServiceCategory: () => text('AI and Machine Learning'),
  ServiceName: ({ seller }) => text(seller.service),
  ServiceProviderName: ({ seller }) => text(seller.provider),
  ServiceSubcategory: () => text('Generative AI'),
  SkuId: ({ sku }) => text(sku),
  SkuMeter: ({ meaning }) => text(meaning.meter),
  SkuPriceDetails: ({ charge, of }) => text(priceDetails(charge, of)),
  SkuPriceId: ({ sku, tier }) => text(`${sku}/${tier}`),
  Tags: ({ of }) => text(tagsOf(of)),
  x_CostBasis: ({ of }) => text(of.costBasis),
  x_CostUnknown: ({ of }) => text(String(of.costNanodollars === null)),
  x_Model: ({ of }) => text(of.model === '' ? null : of.model),
  x_ModelServed: ({ of }) => text(of.modelServed === '' ? null : of.modelServed),
  x_PriceVersion: ({ of }) => text(of.priceVersion),
  x_Provider: ({ of }) => text(of.provider === '' ? null : of.provider),
  x_ServiceTier: ({ of }) => text(serviceOf(of)),
  x_UnitPriceDerived: ({ charge }) => text(String(charge.rates === undefined)),
  x_UsageKind: ({ charge }) => text(charge.what),
};

export const FOCUS_COLUMNS: readonly string[] = Object.keys(COLUMNS);

/** The first line of a file. */
export function focusHead(): string {
  return `${FOCUS_COLUMNS.join(',')}\r\n`;
}

/** One line of RFC 4180. */
export function focusLine(charge: Charge): string {
  const row = rowOf(charge);
  const cells = Object.values(COLUMNS).map((cell) => written(cell(row)));
  return `${cells.join(',')}\r\n`;
}

function written(cell: Cell): string {
  if ('number' in cell) return cell.number;
  return cell.text === null ? '' : textCell(cell.text);
}

function rowOf(charge: Charge): Row {
  const { of, what, billed, rates, aboveInputTokens } = charge;
  const meaning = MEANINGS[what];
  const quantity = { n: billed, d: meaning.per };
  const basis = of.costBasis?.slice(0, of.costBasis.indexOf('/')) ?? '';
  const seller = isCostBasis(basis) ? SELLERS[basis] : { provider: nameOf(of.provider), service: nameOf(of.provider) };
  const sold = isCostBasis(basis) ? of.costBasis : `${nameOf(of.provider)}/${nameOf(of.modelServed ?? of.model)}`;
  return {
    charge,
    of,
    meaning,
    seller,
    tier: aboveInputTokens === 0 ? serviceOf(of) : `${serviceOf(of)}-above-${aboveInputTokens}`,
    sku: `${sold}/${what}`,
    quantity,
    list: rates === undefined ? derived(charge, quantity) : priced(rates.list, meaning.per, quantity),
    agreed: rates === undefined ? derived(charge, quantity) : priced(rates.agreed, meaning.per, quantity),
  };
}

const PICO_PER_DOLLAR = 1_000_000_000_000n;
const NANO_PER_DOLLAR = 1_000_000_000n;
/** Of a unit's price: a rate, and a discount of three digits. Of what is derived: a million units are off by less than a nanodollar. */
const PRICE_DIGITS = 15;
/** Of a unit's price times a quantity in millionths. */
const COST_DIGITS = 24;

/** The price of a unit as it is written, and exactly that times the quantity. */
function priced(picodollars: Rational, per: bigint, quantity: Rational): Priced {
  const unit = atDigits({ n: picodollars.n * per, d: picodollars.d * PICO_PER_DOLLAR }, PRICE_DIGITS);
  const cost = { n: unit.n * quantity.n, d: unit.d * quantity.d };
  return { unit: decimal(unit, PRICE_DIGITS), cost: decimal(cost, COST_DIGITS) };
}

/** What a unit came to, where no rate explains the cost. */
function derived({ costNanodollars }: Charge, { n, d }: Rational): Priced {
  const unit = n === 0n ? { n: 0n, d: 1n } : { n: costNanodollars * d, d: NANO_PER_DOLLAR * n };
  return { unit: decimal(unit, PRICE_DIGITS), cost: nanodollars(costNanodollars) };
}

function atDigits(value: Rational, digits: number): Rational {
  const d = 10n ** BigInt(digits);
  return { n: roundHalfEven({ n: value.n * d, d: value.d }), d };
}

/** A decimal number without zeros at its end. */
function decimal(value: Rational, digits: number): string {
  const all = atDigits(value, digits)
    .n.toString()
    .padStart(digits + 1, '0');
  return `${all.slice(0, -digits)}.${all.slice(-digits)}`.replace(/\.?0+$/, '');
}

function nanodollars(cost: bigint): string {
  return decimal({ n: cost, d: NANO_PER_DOLLAR }, 9);
}

/** FOCUS wants no empty text where something has to stand. */
function nameOf(name: string): string {
  return name.trim() === '' ? 'unknown' : name;
}

function isReported({ costBasis }: ChargedTogether): boolean {
  return costBasis?.startsWith('reported/') === true;
}

/** `standard`, `batch`, `priority`, …, or the provider's own word where we know no rates for it. */
function serviceOf({ serviceTier, speed }: ChargedTogether): string {
  const served = servedAs(serviceTier, speed);
  return 'word' in served ? served.word : served.as;
}

function priceDetails({ what, aboveInputTokens }: Charge, of: ChargedTogether): string {
  return JSON.stringify({
    x_UsageKind: what,
    x_ServiceTier: serviceOf(of),
    ...(aboveInputTokens === 0 ? {} : { x_AboveInputTokens: aboveInputTokens }),
  });
}

/** What is known of a caller by one name has a key of ours; groups, and tags of devices, are keys without a value. */
function tagsOf({ by }: ChargedTogether): string | null {
  const pairs = Object.entries(by).flatMap(([name, value]): [string, string | true][] =>
    typeof value === 'string' ? [[`aperture/${name}`, value]] : value.map((each) => [each, true]),
  );
  return pairs.length === 0 ? null : JSON.stringify(Object.fromEntries(pairs));
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}

function monthAfter(dayMs: number, months: number): string {
  const day = new Date(dayMs);
  return timeOf(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + months, 1));
}
