import type { Api } from '../../contract/api.ts';
import type { ParameterBounds } from '../../contract/guardrail.ts';
import { scanBody } from '../../protocols/body-scan.ts';
import { outputLimitOf } from '../../protocols/output-limit.ts';
import { parsed, valuesAt } from '../request/values.ts';
import type { Breach } from './breach.ts';

type Bound = ParameterBounds['bounds'][string];

/** Stands for the member that limits the output, which each API calls by another name. */
const OUTPUT_LIMIT = 'max_output_tokens';

/** Where each API has it. Others generate nothing, or take no limit: there is nothing to bound. */
const LIMIT_PATHS: Partial<Record<Api, readonly string[]>> = {
  openai_chat: ['max_tokens', 'max_completion_tokens'],
  openai_responses: ['max_output_tokens'],
  anthropic_messages: ['max_tokens'],
  google_raw_predict: ['max_tokens'],
  gemini_generate_content: ['generationConfig.maxOutputTokens'],
  google_generate_content: ['generationConfig.maxOutputTokens'],
  bedrock_converse: ['inferenceConfig.maxTokens'],
  bedrock_model_invoke: [
    'max_tokens',
    'max_gen_len',
    'max_tokens_to_sample',
    'inferenceConfig.maxTokens',
    'inferenceConfig.max_new_tokens',
    'textGenerationConfig.maxTokenCount',
  ],
};

/**
 * The parameters of a request that are out of bounds. A parameter that is absent or null is in bounds, whatever they are,
 * for a provider's default is not known here; but for one: where the output is bounded from above, a request without a
 * limit may bring as much as the model can give, which is more than any bound that somebody wrote down.
 */
export function judgeParameters({ bounds }: ParameterBounds, api: Api, body: Uint8Array): Breach[] {
  return Object.entries(bounds).flatMap(([name, bound]) => {
    const value = name === OUTPUT_LIMIT ? brokenLimit(bound, api, body) : brokenValue(bound, name, body);
    return value === undefined ? [] : [{ kind: name, value }];
  });
}

/** What breaks the bound, as text; undefined where nothing does. */
function brokenLimit(bound: Bound, api: Api, body: Uint8Array): string | undefined {
  const paths = LIMIT_PATHS[api];
  if (paths === undefined) return undefined;
  const scanned = scanBody(api, body);
  const limit = scanned.ok ? outputLimitOf(api, body, scanned.value).maxOutputTokens : undefined;
  const said = paths.flatMap((path) => valuesOf(body, path));
  if (bound.forbidden === true && said.length > 0) return String(limit ?? 'unread');
  if (limit === undefined) {
    // None, or a value that servers read in different ways, as -1 or a number in quotes.
    const isBroken =
      bound.max !== undefined || (said.length > 0 && (bound.min !== undefined || bound.oneOf !== undefined));
    return isBroken ? 'none' : undefined;
  }
  // A provider may obey either of two limits, so each has to fit.
  return [limit, ...said].map((value) => breaks(bound, value)).find((broken) => broken !== undefined);
}

function brokenValue(bound: Bound, path: string, body: Uint8Array): string | undefined {
  return valuesOf(body, path)
    .map((value) => breaks(bound, value))
    .find((broken) => broken !== undefined);
}

function valuesOf(body: Uint8Array, path: string): unknown[] {
  return valuesAt(body, path)
    .map((span) => parsed(body, span))
    .filter((value) => value !== null && value !== undefined);
}

/** A value that is no number breaks a bound on numbers: some servers read `"8"` as 8, and who knows what others do. */
function breaks({ min, max, oneOf, forbidden }: Bound, value: unknown): string | undefined {
  const isOut =
    forbidden === true ||
    (min !== undefined && !(typeof value === 'number' && value >= min)) ||
    (max !== undefined && !(typeof value === 'number' && value <= max)) ||
    (oneOf !== undefined && !oneOf.some((allowed) => allowed === value));
  return isOut ? JSON.stringify(value) : undefined;
}
