import { describe, expect, test } from 'vitest';
import type { Api } from '../../src/contract/api.ts';
import type { PricingSlice } from '../../src/contract/messages.ts';
import { USAGE_KINDS, totalInput, zeroUsage } from '../../src/contract/usage.ts';
import type { Usage } from '../../src/contract/usage.ts';
import { CostBounds } from '../../src/pricing/bound.ts';
import type { CostBound } from '../../src/pricing/bound.ts';
import { scanBody } from '../../src/protocols/body-scan.ts';
import { scanForm } from '../../src/protocols/form-scan.ts';
import { outputLimitOf } from '../../src/protocols/output-limit.ts';
import { matchEndpoint } from '../../src/protocols/registry.ts';
import { PRICED, costOf as listCostOf } from '../flow/price-list.ts';
import { WIRES } from '../flow/wires.ts';
import { fixture, fixtureNames, requestBody } from '../protocols/fixtures.ts';
import { nanodollars, table } from './support.ts';

/** What exchanges cost in the end, against what was said of them before they were sent. */
const provider = (costBasis: string): PricingSlice['providers'][string] => ({
  costBasis,
  compatibility: [],
  modelCostMap: [],
});
const bounds = new CostBounds(table, {
  autoCostBasis: true,
  prices: [],
  providers: {
    openai: provider('openai'),
    anthropic: provider('anthropic'),
    google: provider('google'),
    bedrock: provider('bedrock'),
    vertex: provider('vertex'),
  },
});

function basisOf(api: Api): string {
  if (api.startsWith('bedrock_')) return 'bedrock';
  if (api.startsWith('google_')) return 'vertex';
  return /^gemini/.test(api) ? 'google' : /^anthropic/.test(api) ? 'anthropic' : 'openai';
}

/**
 * The bound of a request. Fixtures and the simulator's tests abbreviate their prompts, or name a size that they do not
 * send: as many bytes as the answer counts tokens are added then, which is the least that could be.
 */
function boundOf(api: Api, model: string, body: Record<string, unknown>, usage: Usage): CostBound {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const missing = Math.max(0, totalInput(usage) - bytes.byteLength);
  const whole =
    missing === 0 ? bytes : new TextEncoder().encode(JSON.stringify({ ...body, the_rest: 'x'.repeat(missing) }));
  const scanned = scanBody(api, whole);
  if (!scanned.ok) throw new Error(`refused: ${JSON.stringify(scanned.fault)}`);
  return bounds.bound(basisOf(api), model, outputLimitOf(api, whole, scanned.value));
}

function boundOfForm(api: Api, model: string, contentType: string, body: Uint8Array): CostBound {
  const scanned = scanForm(contentType, body);
  if (!scanned.ok) throw new Error(`refused: ${JSON.stringify(scanned.fault)}`);
  return bounds.bound(basisOf(api), model, outputLimitOf(api, body, scanned.value));
}

/** No `most`, and why. All others must have one. */
const UNBOUNDED: Record<string, string> = {
  'anthropic-messages/stream-web-search': 'server tools',
  'gemini/generate-thoughts-cached-tool': 'server tools',
  // Nobody says how many tokens an image has.
  'openai-media/images-generate': 'no output limit',
  'openai-media/transcription-stream': 'sound',
  'openai-media/transcription-tokens': 'sound',
  'openai-chat/unary-audio': 'images, files or references',
  'openai-chat/stream-compat-reasoning-content': 'no price',
  'openai-completions/unary-logprobs': 'no price',
  'openai-responses/stream-compat-no-event-lines': 'no price',
  'rerank/cohere-v1-tokens': 'no price',
  'rerank/jina': 'no price',
};

/** Invented: more output than the model has. */
const IMPOSSIBLE = new Set(['sse-nasty/very-long-line']);

describe('failure mode 13: no answer of the fixtures costs more than was said before', () => {
  const cases = fixtureNames().flatMap((name) => {
    const { request, expected } = fixture(name);
    const [path = '', query = ''] = request.path.split('?');
    const endpoint = matchEndpoint(request.method, path, query, (header) => request.headers[header]);
    const body = Object.fromEntries(Object.entries(request.body ?? {}));
    if (endpoint.kind !== 'exchange' || Object.keys(expected.usage ?? {}).length === 0) return [];
    if (IMPOSSIBLE.has(name)) return [];
    const { api } = endpoint.protocol;
    const usage = zeroUsage();
    for (const kind of USAGE_KINDS) usage[kind] = expected.usage?.[kind] ?? 0;
    const model = endpoint.model ?? String(expected['model_requested']);
    const form = request.body_base64 === undefined ? undefined : requestBody(request);
    return [{ name, api, model, body, form, type: request.headers['content-type'] ?? '', usage, expected }];
  });

  test('there are many', () => {
    expect(cases.length).toBeGreaterThan(45);
    const names = cases.map(({ name }) => name);
    for (const name of Object.keys(UNBOUNDED)) expect(names).toContain(name);
  });

  test.each(cases)('$name', ({ name, api, model, body, form, type, usage, expected }) => {
    const { likely, most, why } =
      form === undefined ? boundOf(api, model, body, usage) : boundOfForm(api, model, type, form);
    expect(why).toBe(UNBOUNDED[name]);
    if (most === undefined) return;
    const detail = expected['usage_detail'];
    const cost = nanodollars({
      basis: basisOf(api),
      modelRequested: model,
      modelServed: typeof expected['model_served'] === 'string' ? expected['model_served'] : null,
      usage,
      usageDetail: typeof detail === 'object' && detail !== null ? { ...detail } : {},
      serviceTier: typeof expected['service_tier'] === 'string' ? expected['service_tier'] : null,
    });
    expect(cost).toBeGreaterThan(0n);
    expect(BigInt(most)).toBeGreaterThanOrEqual(cost);
    expect(most).toBeGreaterThanOrEqual(likely);
  });
});

const exchanges = PRICED.filter(({ searches }) => searches === undefined).flatMap((priced) =>
  priced.wires.map((name) => ({ name: `${name}: ${priced.name}`, wire: WIRES[name], priced })),
);

test.each(exchanges)("nor one of the simulator's: $name", ({ wire, priced }) => {
  const fast = priced.sim.includes('speed=fast') ? { speed: 'fast' } : {};
  const body = { ...wire.body(priced.model, true), ...fast };
  const usage = { ...zeroUsage(), ...priced.usage };
  const { most } = boundOf(wire.api, priced.model, body, usage);
  expect(most).toBeGreaterThanOrEqual(listCostOf(priced));
});
