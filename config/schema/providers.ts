import { z } from 'zod';
import type { Compatibility } from '../../src/contract/api.ts';
import { COST_BASES } from '../../src/pricing/basis.ts';
import { decimalText } from '../units.ts';
import { checked, providerAuthorization } from './fields.ts';

const FLAG_MEANING: Record<Compatibility, string> = {
  openai_chat:
    'Serves /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/moderations, and /v1/rerank, /v2/rerank, /rerank; images and audio where a model is one for these. On where the block is absent or turns nothing else on',
  openai_responses: 'Serves /v1/responses, and images and audio',
  anthropic_messages: 'Serves /v1/messages',
  gemini_generate_content: 'Serves the Gemini API (generativelanguage.googleapis.com)',
  google_generate_content: 'Serves Gemini on Vertex (aiplatform.googleapis.com)',
  google_raw_predict: 'Serves raw predict on Vertex (Claude)',
  bedrock_model_invoke: 'Serves Bedrock InvokeModel',
  bedrock_converse: 'Serves Bedrock Converse',
};

/** Ids of projects, `example.com:project` among them, and locations. */
const VERTEX_NAME = /^(?:[a-z0-9](?:[a-z0-9.:-]{0,61}[a-z0-9])?)?$/;

const AWS_REGION = /^[a-z]{2}(?:-[a-z]+)+-\d$/;

const flag = (meaning: string) => z.boolean().exactOptional().describe(meaning);

const CompatibilityFlags = z.strictObject({
  openai_chat: flag(FLAG_MEANING.openai_chat),
  openai_responses: flag(FLAG_MEANING.openai_responses),
  anthropic_messages: flag(FLAG_MEANING.anthropic_messages),
  gemini_generate_content: flag(FLAG_MEANING.gemini_generate_content),
  google_generate_content: flag(FLAG_MEANING.google_generate_content),
  google_raw_predict: flag(FLAG_MEANING.google_raw_predict),
  bedrock_model_invoke: flag(FLAG_MEANING.bedrock_model_invoke),
  bedrock_converse: flag(FLAG_MEANING.bedrock_converse),
  experimental_gemini_cli_vertex_compat: flag('Rewrites the short paths of Gemini CLI to full Vertex paths'),
});
export type CompatibilityFlags = z.output<typeof CompatibilityFlags>;

/** A decimal string, because money is multiplied by it exactly. A million is nobody's surcharge. */
const Adjustment = z
  .number()
  .min(0)
  .max(1_000_000)
  .transform(decimalText)
  .prefault(1)
  .describe('Factor on every price');

const ModelCost = z.strictObject({
  match: z.string().default('').describe('Glob on the model name; the first match wins'),
  as: z.string().default('').describe('The model whose prices apply'),
  adjustment: Adjustment,
});

export const ProviderConfig = z.strictObject({
  baseurl: z
    .string()
    .default('')
    .describe('Root of the upstream; the request path is appended. http or https, without /v1'),
  models: z.array(z.string()).default([]).describe('Exact model names as the provider knows them; no wildcards'),
  apikey: z.string().default('').describe('The key sent upstream; write "${NAME}" to take it from the environment'),
  authorization: providerAuthorization().describe(
    'The header in which the key is sent; `aws_sigv4` (extension): `apikey` is "ACCESS_KEY_ID:SECRET_ACCESS_KEY", or with ":SESSION_TOKEN" behind it, and signs each request',
  ),
  aws_region: checked(
    'AWS region',
    (text) => text === '' || AWS_REGION.test(text),
    'must be a region, such as us-east-1',
  )
    .default('')
    .describe(
      'With `aws_sigv4`, where the baseurl does not name it: the region that requests are signed for (extension)',
    ),
  vertex_project: z
    .string()
    .regex(VERTEX_NAME, { error: 'must be the id of a project' })
    .default('')
    .describe(
      "With a flag of Vertex: the project that pays; empty: the one of the keyfile. A caller's is never used (extension)",
    ),
  vertex_location: z
    .string()
    .regex(VERTEX_NAME, { error: 'must be a location, such as us-east5' })
    .default('')
    .describe(
      'With a flag of Vertex: where its models are asked for; empty: as the baseurl names it, or "global" (extension)',
    ),
  auth_mode: z
    .enum(['', 'override', 'passthrough', 'none'])
    .default('')
    .describe('Ours replaces the client\'s credential (override, also ""), the client\'s goes on, or none is sent'),
  name: z.string().default('').describe('Name shown to people'),
  description: z.string().default('').describe('Text shown to people'),
  compatibility: CompatibilityFlags.exactOptional().describe('The APIs that the provider speaks'),
  cost_basis: z
    .string()
    .default('')
    .describe(`Whose prices apply: ${COST_BASES.join(', ')}. Empty: judged by the compatibility flags`),
  model_cost_map: z.array(ModelCost).default([]).describe('Prices of models that the table does not know by name'),
  preference: z.int().default(0).describe('Of several providers with a model, the highest number serves it'),
  disabled: z.boolean().default(false).describe('Leaves the provider out of routing and of /v1/models'),
  add_headers: z.array(z.string()).default([]).describe('"Header-Name: value", sent with each upstream request'),
  upstream: z.unknown().exactOptional().describe('Legal in Aperture, without a documented meaning; read and not used'),
  inject_usage: z
    .boolean()
    .default(true)
    .describe('Ask for usage where a chat client streams without asking for it (extension)'),
  disabled_without_key: z
    .boolean()
    .default(false)
    .describe('Disables the provider while `apikey` is empty (extension)'),
});
export type ProviderConfig = z.output<typeof ProviderConfig>;
