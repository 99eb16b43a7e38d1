/**
 * The wire formats a provider can speak: Aperture's `compatibility` flags, under their own names
 * (aperture.md, section 2.6).
 */
export const COMPATIBILITIES = [
  'openai_chat',
  'openai_responses',
  'anthropic_messages',
  'gemini_generate_content',
  'google_generate_content',
  'google_raw_predict',
  'bedrock_model_invoke',
  'bedrock_converse',
] as const;
export type Compatibility = (typeof COMPATIBILITIES)[number];

/** What an exchange is, as its record says: the format, and for side endpoints which of them. */
export const APIS = [
  ...COMPATIBILITIES,
  'openai_embeddings',
  // Generations, edits, variations.
  'openai_images',
  // And translations.
  'openai_transcriptions',
  'openai_speech',
  // The older API of texts without roles. Aperture's word for chat, `oai_completions`, is too near to a shorter name.
  'openai_text_completions',
  'openai_moderations',
  // Cohere's and Jina's, which others speak as well.
  'rerank',
  'openai_responses_compact',
  'openai_responses_input_tokens',
  // An earlier response, read again or cancelled: it tells of that response.
  'openai_responses_stored',
  // Of an earlier response, what tells nothing of its usage: its input, its deletion.
  'openai_responses_side',
  // A response within a Realtime session, or a transcription of what was said in it.
  'openai_realtime',
  'anthropic_count_tokens',
  'gemini_count_tokens',
  'gemini_embed_content',
  // What providers keep for their callers (`protocols/resources/`).
  'openai_files',
  'openai_uploads',
  'openai_batches',
  'openai_conversations',
  'openai_containers',
  'openai_vector_stores',
  'anthropic_files',
  'anthropic_batches',
  'gemini_files',
  'gemini_batches',
  'gemini_cached_contents',
  'gemini_operations',
  'bedrock_count_tokens',
  // On Vertex: Gemini's, and Claude's.
  'google_count_tokens',
  'google_raw_count_tokens',
  // A path of a provider that grants open as it is.
  'direct',
] as const;
export type Api = (typeof APIS)[number];

/** Whose error bodies and stream errors a caller expects. */
export type Dialect =
  | 'openai'
  | 'openai_responses'
  /** Frames of a WebSocket. */
  | 'openai_socket'
  | 'anthropic'
  | 'google'
  | 'aws'
  | 'plain';
