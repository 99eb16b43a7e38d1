import { at } from './json.ts';
import { end, fault, text, thought } from './wire.ts';
import type { Wire } from './wire.ts';

/** The API wants a limit; where none is set, as much as every model can say. */
const MOST_TOKENS = 4_096;

export const anthropicMessages: Wire = {
  path: () => '/v1/messages',
  body: ({ model, system, said, temperature, mostTokens = MOST_TOKENS }) => ({
    model,
    ...(system === '' ? {} : { system }),
    messages: said.map((turn) => ({ role: turn.by === 'user' ? 'user' : 'assistant', content: turn.text })),
    temperature,
    max_tokens: mostTokens,
    stream: true,
  }),
  read: (data) => {
    switch (at(data, 'type')) {
      case 'content_block_delta':
        return [...thought(at(data, 'delta', 'thinking')), ...text(at(data, 'delta', 'text'))];
      case 'message_delta':
        return end(at(data, 'delta', 'stop_reason'));
      case 'error':
        return fault(at(data, 'error'));
      default:
        return [];
    }
  },
};
