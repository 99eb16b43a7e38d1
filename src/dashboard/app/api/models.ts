import * as z from 'zod/mini';

/** `GET /v1/models`: what the caller may use (`src/routing/models-list.ts`). What is absent is not known, or not theirs to see. */
export const Model = z.looseObject({
  id: z.string(),
  metadata: z.looseObject({
    provider: z.looseObject({
      id: z.string(),
      name: z.string(),
      description: z.string(),
      requires_client_auth: z.boolean(),
    }),
  }),
  supported_endpoints: z.array(z.string()),
  /** Dollars for a token, as decimals. */
  pricing: z.optional(z.record(z.string(), z.string())),
  context_window_tokens: z.optional(z.number()),
  max_output_tokens: z.optional(z.number()),
});
export type Model = z.infer<typeof Model>;

export const Models = z.looseObject({ data: z.array(Model) });
export type Models = z.infer<typeof Models>;

/** Wire formats by the path under which a model is to be had in them, in the order in which they are shown. */
export const FORMATS = {
  responses: { name: 'Responses', path: '/v1/responses' },
  chat: { name: 'Chat', path: '/v1/chat/completions' },
  messages: { name: 'Messages', path: '/v1/messages' },
  gemini: { name: 'Gemini', path: '/v1beta/models/{model}:generateContent' },
  converse: { name: 'Converse', path: '/bedrock/model/{model}/converse' },
  invoke: { name: 'InvokeModel', path: '/bedrock/model/{model}/invoke' },
  images: { name: 'Images', path: '/v1/images/generations' },
  transcriptions: { name: 'Transcriptions', path: '/v1/audio/transcriptions' },
  speech: { name: 'Speech', path: '/v1/audio/speech' },
  embeddings: { name: 'Embeddings', path: '/v1/embeddings' },
} as const;
export type Format = keyof typeof FORMATS;

const ALL_FORMATS = Object.keys(FORMATS).filter((name): name is Format => name in FORMATS);

export function formatsOf({ supported_endpoints }: Pick<Model, 'supported_endpoints'>): Format[] {
  return ALL_FORMATS.filter((format) => supported_endpoints.includes(FORMATS[format].path));
}
