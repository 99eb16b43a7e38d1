import type { Api } from '../../contract/api.ts';
import { ChatReader } from './chat-reader.ts';
import { CompletionsReader } from './completions-reader.ts';
import { ConverseReader, InvokeReader } from './converse-reader.ts';
import { GenerateReader } from './generate-reader.ts';
import type { JsonNode } from './json-tree.ts';
import { MessagesReader } from './messages-reader.ts';
import type { Texts } from './reading.ts';
import { ResponsesReader } from './responses-reader.ts';
import { TranscriptReader } from './transcript-reader.ts';

/** Knows which strings of an API's events, and of its whole responses, are pieces of which text. */
export interface ApiReader {
  /** What it leaves is read by itself (`others.ts`). */
  read(root: JsonNode, texts: Texts): void;
}

/** Reads nothing in particular. */
const PLAIN: ApiReader = { read: () => undefined };

export function readerFor(api: Api): ApiReader {
  switch (api) {
    case 'openai_chat':
      return new ChatReader();
    case 'openai_text_completions':
      return new CompletionsReader();
    case 'openai_responses':
    case 'openai_responses_compact':
    case 'openai_responses_stored':
    case 'openai_responses_side':
      return new ResponsesReader();
    case 'anthropic_messages':
    case 'google_raw_predict':
      return new MessagesReader();
    case 'gemini_generate_content':
    case 'google_generate_content':
      return new GenerateReader();
    case 'bedrock_converse':
      return new ConverseReader();
    case 'bedrock_model_invoke':
      return new InvokeReader();
    case 'openai_transcriptions':
      return new TranscriptReader();
    // Base64, and a prompt as it was revised.
    case 'openai_images':
    case 'openai_speech':
    case 'bedrock_count_tokens':
    case 'google_count_tokens':
    case 'google_raw_count_tokens':
    case 'openai_embeddings':
    case 'openai_moderations':
    case 'rerank':
    case 'openai_realtime':
    case 'openai_responses_input_tokens':
    case 'anthropic_count_tokens':
    case 'gemini_count_tokens':
    case 'gemini_embed_content':
      return PLAIN;
    default:
      // About what providers keep, and paths that pass as they are: whoever has rules may not use them (docs/access.md).
      return PLAIN;
  }
}

/** Numbers only. */
const TEXTLESS = new Set<Api>([
  'openai_embeddings',
  'openai_responses_input_tokens',
  'anthropic_count_tokens',
  'gemini_count_tokens',
  'gemini_embed_content',
  'bedrock_count_tokens',
  'google_count_tokens',
  'google_raw_count_tokens',
]);

export function hasText(api: Api): boolean {
  return !TEXTLESS.has(api);
}
