import { whole } from './answer.ts';
import type { Answer } from './answer.ts';
import { JSON_TYPE, anthropicHeaders, googleHeaders, openAiHeaders } from './headers.ts';
import { escaped } from './json.ts';
import { seedOf } from './seed.ts';

/** What the lists show; any other model name is served as well. */
export const DEFAULT_MODELS: readonly string[] = [
  'gpt-5.4',
  'gpt-5.4-mini',
  'gpt-4.1',
  'text-embedding-3-small',
  'claude-opus-4-8',
  'claude-sonnet-4-6',
  'claude-haiku-4-5',
  'gemini-2.5-pro',
  'gemini-2.5-flash',
];

export type ListDialect = 'openai' | 'anthropic' | 'google';

/** Which of the three lists `GET /v1/models` means: by headers, as each SDK sends them. */
export function listDialect(path: string, query: string, header: (name: string) => string | undefined): ListDialect {
  if (path.startsWith('/v1beta/') || path.startsWith('/v1alpha/')) return 'google';
  if (header('anthropic-version') !== undefined) return 'anthropic';
  const google = header('x-goog-api-key') ?? header('x-goog-api-client');
  return google !== undefined || /(?:^|&)key=/.test(query) ? 'google' : 'openai';
}

const CREATED = 1_750_000_000;
const CREATED_AT = '2025-06-15T00:00:00Z';

function openAiModel(id: string): string {
  return `{"id":"${escaped(id)}","object":"model","created":${CREATED},"owned_by":"simulator"}`;
}

function anthropicModel(id: string): string {
  return `{"type":"model","id":"${escaped(id)}","display_name":"${escaped(id)} (simulated)","created_at":"${CREATED_AT}"}`;
}

function googleModel(id: string): string {
  return (
    `{"name":"models/${escaped(id)}","version":"1","displayName":"${escaped(id)} (simulated)","inputTokenLimit":1048576,` +
    '"outputTokenLimit":65536,"supportedGenerationMethods":["generateContent","countTokens"]}'
  );
}

export function answerModels(dialect: ListDialect, models: readonly string[]): Answer {
  const seed = seedOf(`models\n${models.join('\n')}`);
  switch (dialect) {
    case 'openai':
      return whole(
        200,
        openAiHeaders(seed, JSON_TYPE),
        `{"object":"list","data":[${models.map(openAiModel).join(',')}]}`,
      );
    case 'anthropic': {
      const edges = `"first_id":${JSON.stringify(models[0] ?? null)},"last_id":${JSON.stringify(models.at(-1) ?? null)}`;
      const body = `{"data":[${models.map(anthropicModel).join(',')}],"has_more":false,${edges}}`;
      return whole(200, anthropicHeaders(seed, JSON_TYPE), body);
    }
    case 'google': {
      const type = 'application/json; charset=UTF-8';
      return whole(200, googleHeaders(type), `{"models":[${models.map(googleModel).join(',')}]}`);
    }
  }
}

export function answerModel(dialect: ListDialect, id: string): Answer {
  const seed = seedOf(`model\n${id}`);
  switch (dialect) {
    case 'openai':
      return whole(200, openAiHeaders(seed, JSON_TYPE), openAiModel(id));
    case 'anthropic':
      return whole(200, anthropicHeaders(seed, JSON_TYPE), anthropicModel(id));
    case 'google':
      return whole(200, googleHeaders('application/json; charset=UTF-8'), googleModel(id));
  }
}
