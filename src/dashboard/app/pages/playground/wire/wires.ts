import { formatsOf } from '../../../api/models.ts';
import type { Format, Model } from '../../../api/models.ts';
import { anthropicMessages } from './anthropic.ts';
import { gemini } from './gemini.ts';
import { openAiChat } from './openai-chat.ts';
import { openAiResponses } from './openai-responses.ts';
import type { Wire } from './wire.ts';

/** The formats in which this page can ask, the likeliest to work first. */
export const SPOKEN = ['chat', 'messages', 'responses', 'gemini'] as const satisfies readonly Format[];
export type Spoken = (typeof SPOKEN)[number];

export const WIRES: Record<Spoken, Wire> = {
  chat: openAiChat,
  messages: anthropicMessages,
  responses: openAiResponses,
  gemini,
};

/** In which a model is to be had here; none where it is for no texts, or only through an API that is not spoken here. */
export function spokenOf(model: Pick<Model, 'supported_endpoints'>): Spoken[] {
  const has = formatsOf(model);
  return SPOKEN.filter((format) => has.includes(format));
}
