import type { ModelMetadata, MetadataLookup } from '../routing/models-list.ts';
import { basesOf } from '../pricing/basis.ts';
import { findPrice } from '../pricing/lookup.ts';
import type { Found } from '../pricing/lookup.ts';
import { tableOf } from '../pricing/overrides.ts';
import type { PriceTable } from '../pricing/table.ts';
import type { PricingSlice } from '../contract/messages.ts';

/** Decimals of a dollar in a picodollar. */
const PICO_DIGITS = 12;

/** Prices and limits of models for `/v1/models`, by the same table and rules that price an exchange. */
export function modelMetadataFrom(base: PriceTable, pricing: PricingSlice): MetadataLookup {
  const { autoCostBasis, providers } = pricing;
  const table = tableOf(base, pricing);
  const known = new Map<string, ModelMetadata | undefined>();
  return (provider, model) => {
    const key = `${provider}/${model}`;
    if (known.has(key)) return known.get(key);
    const info = basesOf(providers[provider]?.costBasis, providers[provider]?.compatibility ?? [], autoCostBasis)
      .map((basis) => findPrice(table, basis, model))
      .find((found) => found !== undefined);
    const answer = info === undefined ? undefined : infoOf(info);
    known.set(key, answer);
    return answer;
  };
}

/** By the list's word for what a model does. Others than OpenAI may offer such a model where texts are, too. */
const OPENAI_ENDPOINTS: Record<string, readonly string[]> = {
  embedding: ['/v1/embeddings'],
  image_generation: ['/v1/images/generations', '/v1/images/edits'],
  audio_transcription: ['/v1/audio/transcriptions'],
  audio_speech: ['/v1/audio/speech'],
};

function infoOf({ basis, price }: Found): ModelMetadata {
  const { rates, context, mode } = price;
  return {
    endpoints: basis === 'openai' && Object.hasOwn(OPENAI_ENDPOINTS, mode) ? OPENAI_ENDPOINTS[mode] : undefined,
    contextWindowTokens: context?.['max_context'],
    maxOutputTokens: context?.['max_output'],
    pricing: {
      input: dollars(rates.input),
      output: dollars(rates.output),
      input_cache_read: dollars(rates.cache_read),
      input_cache_write: dollars(rates.cache_write_5m ?? rates.cache_write),
      input_cache_write_1h: dollars(rates.cache_write_1h),
      web_search: dollars(price.web_search?.picodollars),
    },
  };
}

/** Picodollars as a decimal string of dollars with eight decimals or more, as Aperture writes them. */
export function dollars(picodollars: number | undefined): string | undefined {
  if (picodollars === undefined) return undefined;
  const digits = String(picodollars).padStart(PICO_DIGITS + 1, '0');
  const fraction = digits.slice(-PICO_DIGITS).replace(/0{1,4}$/, '');
  return `${digits.slice(0, -PICO_DIGITS)}.${fraction}`;
}
