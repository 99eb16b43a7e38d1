import type { UsageKind } from '../../../../contract/usage.ts';
import type { RequestRecord } from './record.ts';

/** What the words of a record mean, for people. */

export const KIND_NAMES: Record<UsageKind, string> = {
  input_uncached: 'Input',
  cache_read: 'Read from cache',
  cache_write_5m: 'Written to cache, 5 min',
  cache_write_1h: 'Written to cache, 1 h',
  cache_write_other: 'Written to cache',
  output: 'Output',
  reasoning: 'Reasoning',
  audio_in: 'Audio in',
  image_in: 'Images in',
  audio_out: 'Audio out',
  image_out: 'Images out',
};

const API_NAMES: Record<string, string> = {
  openai_chat: 'OpenAI Chat Completions',
  openai_responses: 'OpenAI Responses',
  openai_responses_compact: 'OpenAI Responses, compaction',
  openai_responses_input_tokens: 'OpenAI Responses, counting',
  openai_responses_stored: 'OpenAI Responses, a stored one',
  openai_responses_side: 'OpenAI Responses, about a stored one',
  openai_realtime: 'OpenAI Realtime',
  openai_embeddings: 'OpenAI Embeddings',
  openai_images: 'OpenAI Images',
  openai_transcriptions: 'OpenAI Transcriptions',
  openai_speech: 'OpenAI Speech',
  openai_text_completions: 'OpenAI Completions, the older ones',
  openai_moderations: 'OpenAI Moderations',
  rerank: 'Reranking',
  anthropic_messages: 'Anthropic Messages',
  anthropic_count_tokens: 'Anthropic Messages, counting',
  gemini_generate_content: 'Gemini',
  google_generate_content: 'Gemini on Vertex',
  google_raw_predict: 'Anthropic on Vertex',
  google_count_tokens: 'Gemini on Vertex, counting',
  google_raw_count_tokens: 'Anthropic on Vertex, counting',
  gemini_count_tokens: 'Gemini, counting',
  gemini_embed_content: 'Gemini Embeddings',
  openai_files: 'OpenAI Files',
  openai_uploads: 'OpenAI Uploads',
  openai_batches: 'OpenAI Batches',
  openai_conversations: 'OpenAI Conversations',
  openai_containers: 'OpenAI Containers',
  openai_vector_stores: 'OpenAI Vector Stores',
  anthropic_files: 'Anthropic Files',
  anthropic_batches: 'Anthropic Message Batches',
  gemini_files: 'Gemini Files',
  gemini_batches: 'Gemini Batches',
  gemini_cached_contents: 'Gemini cached contents',
  gemini_operations: 'Gemini operations',
  bedrock_model_invoke: 'Bedrock',
  bedrock_converse: 'Bedrock Converse',
  bedrock_count_tokens: 'Bedrock, counting',
  direct: 'A path of the provider, as it is',
};

export function apiName(api: string): string {
  return Object.hasOwn(API_NAMES, api) ? (API_NAMES[api] ?? api) : api;
}

/** Why it is not simply complete, in a sentence; undefined where it is. */
export function troubleOf({ state, denied_by, error, verdicts, status }: RequestRecord): string | undefined {
  const said = error === null ? '' : error.message;
  switch (state) {
    case 'complete':
      return error === null ? undefined : said;
    case 'aborted':
      return 'The client left before the end.';
    case 'interrupted':
      return 'The gateway ended while this ran: what is here was read from its journal.';
    case 'denied':
      return said === '' ? `Refused${denied_by === null ? '' : ` by ${denied_by}`}.` : said;
    case 'blocked': {
      const rules = verdicts.filter(({ action, shadow }) => action === 'block' && !shadow).map(({ rule }) => rule);
      const by = rules.length === 0 ? 'a guardrail' : `the guardrail ${[...new Set(rules)].join(', ')}`;
      return `Refused by ${by}.${said === '' ? '' : ` ${said}`}`;
    }
    case 'error':
      return said === '' ? `The provider failed${status === 0 ? '' : ` with ${status}`}.` : said;
  }
}

/** What the figures of tokens lack. */
export function usageNote(record: RequestRecord): string | undefined {
  switch (record.usage_state) {
    case 'partial':
      return 'It broke: only what was told until then.';
    case 'estimated':
      return 'Estimated by the gateway: the provider told none.';
    case 'absent':
      return record.usage === null ? 'The provider told none. That is not zero.' : undefined;
    default:
      return undefined;
  }
}

/** Why there is no price, from the flags (docs/money.md). */
export function costUnknown(flags: readonly string[]): string {
  const why = flags.find((flag) => flag.startsWith('cost_unknown:'))?.slice('cost_unknown:'.length);
  switch (why) {
    case undefined:
      return 'no tokens were told';
    case 'model_unknown':
      return 'no list has this model';
    case 'no_cost_basis':
      return 'no list is set for this provider';
    case 'mapped_model_unknown':
      return 'no list has the model that it is mapped to';
    case 'rate_missing':
      return 'the list lacks a rate';
    case 'reserved':
      return 'reserved capacity is not sold by the token';
    case 'out_of_range':
      return 'the figures make no sense';
    default:
      return why.replaceAll('_', ' ');
  }
}
