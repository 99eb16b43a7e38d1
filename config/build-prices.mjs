#!/usr/bin/env node
// Builds config/prices.json from the table in dollars: `node config/build-prices.mjs [source] [target]`.
// The target holds whole picodollars (1e-12 USD), so that no price ever is a float. A price that is not a whole number
// of picodollars stops the build.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const RATES = [
  'input',
  'output',
  'reasoning',
  'cache_read',
  'cache_read_audio',
  'cache_write',
  'cache_write_5m',
  'cache_write_1h',
  'audio_in',
  'audio_out',
  'image_in',
  'image_out',
];
const SERVICES = ['batch', 'flex', 'priority', 'fast'];
const MODEL_FIELDS = new Set([
  ...RATES,
  ...SERVICES,
  'mode',
  'tiers',
  'web_search_per_request',
  'context',
  'dimensions',
  'released',
  'derived',
  'sources',
]);

/**
 * A thousand dollars a million tokens. The dearest model on record costs 600; what is above it in the source is a price
 * per minute or per search that a collection put into the token column (whisper-1, rerankers).
 */
const IMPLAUSIBLE_PICODOLLARS = 1_000_000_000n;

/** Anthropic's published price of a web search, 10 USD a thousand, which the collections do not carry. */
const ANTHROPIC_WEB_SEARCH = '0.01';

/** Google bills grounding of these by the prompt, however many queries it took; later families by the query. */
const GROUNDED_BY_PROMPT = /^gemini-[12]\./;

/** Marks a number's own text in the parsed tree: JSON.parse alone would round it to a double. */
const NUMBER = '\u0000';

/** JSON with every number kept as its literal, behind NUMBER. */
export function parseKeepingNumbers(text) {
  const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    token.startsWith('"') ? token : `"\\u0000${token}"`,
  );
  return JSON.parse(quoted);
}

/** `2.5e-06` dollars -> 2500000n picodollars, by shifting digits. */
export function picodollars(value, where) {
  const match = typeof value === 'string' ? /^\0(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(value) : null;
  if (match === null) throw new Error(`${where}: not a price: ${JSON.stringify(value)}`);
  const [, whole, fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction);
  const shift = 12 + Number(exponent) - fraction.length;
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  if (digits % divisor !== 0n) throw new Error(`${where}: ${value.slice(1)} is not a whole number of picodollars`);
  return digits / divisor;
}

function count(value, where) {
  const number = typeof value === 'string' && value.startsWith(NUMBER) ? Number(value.slice(1)) : NaN;
  if (!Number.isSafeInteger(number) || number <= 0) throw new Error(`${where}: not a count: ${JSON.stringify(value)}`);
  return number;
}

/** The rates of a model or of one of its sections. A rate of zero is a hole in a collection, not a gift: left out. */
function ratesOf(section, where) {
  const rates = {};
  for (const name of RATES) {
    if (section[name] === undefined) continue;
    const rate = picodollars(section[name], `${where}.${name}`);
    if (rate > 0n) rates[name] = rate;
  }
  return rates;
}

function servicesOf(model, where) {
  const services = {};
  for (const name of SERVICES) {
    const section = model[name];
    if (section === undefined) continue;
    const rates = ratesOf(section, `${where}.${name}`);
    if (Object.keys(rates).length === 0) continue;
    const service = serviceName(name, section.selected_by, where);
    const known = services[service];
    for (const rate of Object.keys(known ?? {})) {
      if (rates[rate] !== undefined && rates[rate] !== known[rate]) {
        throw new Error(`${where}: ${name} and ${service} are the same service and differ in ${rate}`);
      }
    }
    services[service] = { ...known, ...rates };
  }
  return services;
}

/** What OpenAI sells as fast is what its responses call `service_tier: priority`. */
function serviceName(name, selectedBy, where) {
  if (selectedBy === undefined) return name;
  const [[field, word], ...others] = Object.entries(selectedBy);
  if (others.length === 0 && field === 'service_tier' && SERVICES.includes(word)) return word;
  if (others.length === 0 && field === 'speed' && word === name) return name;
  throw new Error(`${where}.${name}: selected by something new: ${JSON.stringify(selectedBy)}`);
}

function tiersOf(model, where) {
  const tiers = (model.tiers ?? []).map((tier, index) => ({
    above_input_tokens: count(tier.above_input_tokens, `${where}.tiers[${index}].above_input_tokens`),
    rates: ratesOf(tier, `${where}.tiers[${index}]`),
  }));
  return tiers.sort((a, b) => a.above_input_tokens - b.above_input_tokens);
}

/** `of` x numerator / denominator, exact or not at all. */
function scaled(of, numerator, denominator, where) {
  if ((of * numerator) % denominator !== 0n) throw new Error(`${where}: a derived rate is not whole`);
  return (of * numerator) / denominator;
}

/**
 * Fills in what Anthropic publishes as a rule and the collections list in part: cache rates follow the input rate of
 * their section (x1.25 for five minutes, x2 for an hour, reads as in the base), batch is half of everything.
 */
function fillAnthropic(entry, where) {
  const { rates } = entry;
  if (rates.cache_read !== undefined) {
    const follow = (section) => {
      if (section === undefined) return;
      section.cache_read ??= scaled(section.input, rates.cache_read, rates.input, where);
      section.cache_write_5m ??= scaled(section.input, 5n, 4n, where);
      section.cache_write_1h ??= section.input * 2n;
    };
    for (const tier of entry.tiers) follow(tier.rates);
    follow(entry.services.fast);
  }
  if (entry.services.batch !== undefined) {
    for (const name of Object.keys(rates)) entry.services.batch[name] ??= scaled(rates[name], 1n, 2n, where);
  }
  entry.web_search ??= { picodollars: picodollars(NUMBER + ANTHROPIC_WEB_SEARCH, where), per: 'search' };
}

function entryOf(provider, name, model) {
  const where = `${provider}/${name}`;
  for (const field of Object.keys(model)) {
    if (!MODEL_FIELDS.has(field)) throw new Error(`${where}: a field that this build does not know: ${field}`);
  }
  const entry = { mode: model.mode, rates: ratesOf(model, where), tiers: tiersOf(model, where) };
  entry.services = servicesOf(model, where);
  if (model.web_search_per_request !== undefined) {
    const price = picodollars(model.web_search_per_request, `${where}.web_search_per_request`);
    const google = provider === 'gemini' || provider === 'vertex';
    const per = google && GROUNDED_BY_PROMPT.test(name) ? 'prompt' : 'search';
    if (price > 0n) entry.web_search = { picodollars: price, per };
  }
  if (provider === 'anthropic') fillAnthropic(entry, where);
  if (model.context !== undefined) {
    entry.context = Object.fromEntries(
      Object.entries(model.context).map(([limit, tokens]) => [limit, count(tokens, `${where}.context.${limit}`)]),
    );
  }
  if (entry.tiers.length === 0) delete entry.tiers;
  if (Object.keys(entry.services).length === 0) delete entry.services;
  return entry;
}

/** The table as text, one line a model, so that a change of price is a change of one line. */
export function buildPrices(sourceText) {
  const source = parseKeepingNumbers(sourceText);
  if (source.currency !== 'USD') throw new Error(`prices are in ${source.currency}, not in USD`);
  const leftOut = {};
  const providers = {};
  for (const [provider, models] of Object.entries(source.models)) {
    const entries = {};
    for (const name of Object.keys(models).sort()) {
      const entry = entryOf(provider, name, models[name]);
      if (entry.rates.input === undefined) {
        leftOut[`${provider}/${name}`] = 'no price of an input token';
      } else if (Object.values(entry.rates).some((rate) => rate >= IMPLAUSIBLE_PICODOLLARS)) {
        leftOut[`${provider}/${name}`] = 'not a price per token';
      } else {
        entries[name] = entry;
      }
    }
    providers[provider] = entries;
  }
  const bare = (_key, value) => (typeof value === 'bigint' ? Number(value) : value);
  const body = Object.entries(providers).map(([provider, entries]) => {
    const lines = Object.entries(entries).map(
      ([name, entry]) => `      ${JSON.stringify(name)}: ${JSON.stringify(entry, bare)}`,
    );
    return `    ${JSON.stringify(provider)}: {\n${lines.join(',\n')}\n    }`;
  });
  const content = `{\n${body.join(',\n')}\n  }`;
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 12);
  return [
    '{',
    `  "version": ${JSON.stringify(`${source.as_of}-${digest}`)},`,
    '  "unit": "picodollars (1e-12 USD) per token; web_search per search or per prompt",',
    `  "left_out": ${JSON.stringify(leftOut)},`,
    `  "providers": ${content}`,
    '}',
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const here = (name) => fileURLToPath(new URL(name, import.meta.url));
  const [source = here('prices.source.json'), target = here('prices.json')] = process.argv.slice(2);
  const text = buildPrices(readFileSync(source, 'utf8'));
  writeFileSync(target, text);
  const { version, providers } = JSON.parse(text);
  const models = Object.values(providers).reduce((sum, entries) => sum + Object.keys(entries).length, 0);
  console.log(`${target}: ${models} models, version ${version}`);
}
