/** A provider of the config, as far as telemetry tells of it. */
export interface OtlpProvider {
  /** Host of its base URL, without the port. */
  address: string;
  port: number;
}

/** `gen_ai.operation.name`. What the conventions have no word for is called as the API. */
const OPERATIONS: Readonly<Record<string, string>> = {
  openai_chat: 'chat',
  openai_responses: 'chat',
  openai_realtime: 'chat',
  anthropic_messages: 'chat',
  google_raw_predict: 'chat',
  bedrock_model_invoke: 'chat',
  bedrock_converse: 'chat',
  gemini_generate_content: 'generate_content',
  google_generate_content: 'generate_content',
  openai_images: 'generate_content',
  openai_speech: 'generate_content',
  openai_transcriptions: 'generate_content',
  openai_text_completions: 'text_completion',
  openai_embeddings: 'embeddings',
  gemini_embed_content: 'embeddings',
};

export function operationOf(api: string): string {
  return OPERATIONS[api] ?? api;
}

/** `gen_ai.provider.name` by the host that is spoken to: the end of its name, or the whole. */
const HOSTS: readonly (readonly [RegExp, string])[] = [
  [/(?:^|\.)openai\.azure\.com$/, 'azure.ai.openai'],
  [/(?:^|\.)services\.ai\.azure\.com$/, 'azure.ai.inference'],
  [/(?:^|\.)openai\.com$/, 'openai'],
  [/(?:^|\.)anthropic\.com$/, 'anthropic'],
  [/^bedrock[^.]*\..*amazonaws\.com$/, 'aws.bedrock'],
  [/aiplatform\.googleapis\.com$/, 'gcp.vertex_ai'],
  [/^generativelanguage\.googleapis\.com$/, 'gcp.gemini'],
  [/(?:^|\.)cohere\.(?:com|ai)$/, 'cohere'],
  [/(?:^|\.)deepseek\.com$/, 'deepseek'],
  [/(?:^|\.)groq\.com$/, 'groq'],
  [/(?:^|\.)ml\.cloud\.ibm\.com$/, 'ibm.watsonx.ai'],
  [/(?:^|\.)mistral\.ai$/, 'mistral_ai'],
  [/(?:^|\.)moonshot\.(?:ai|cn)$/, 'moonshot_ai'],
  [/(?:^|\.)perplexity\.ai$/, 'perplexity'],
  [/^api\.x\.ai$/, 'x_ai'],
];

/** By the API where the host tells nothing: whoever speaks it passes for who made it, as the conventions have it. */
const FLAVOURS: readonly (readonly [string, string])[] = [
  ['openai', 'openai'],
  ['anthropic', 'anthropic'],
  ['bedrock', 'aws.bedrock'],
  ['gemini', 'gcp.gemini'],
  ['google', 'gcp.vertex_ai'],
];

/** The provider's id where neither tells; undefined where there is none, as with what was refused. */
export function providerNameOf(api: string, id: string, server: OtlpProvider | undefined): string | undefined {
  if (id === '') return undefined;
  const host = server?.address.toLowerCase() ?? '';
  const known = HOSTS.find(([pattern]) => pattern.test(host))?.[1];
  return known ?? FLAVOURS.find(([beginning]) => api.startsWith(beginning))?.[1] ?? id;
}
