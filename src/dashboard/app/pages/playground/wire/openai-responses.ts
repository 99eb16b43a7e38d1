import { at } from './json.ts';
import { end, fault, text, thought } from './wire.ts';
import type { Piece, Wire } from './wire.ts';

export const openAiResponses: Wire = {
  path: () => '/v1/responses',
  body: ({ model, system, said, temperature, mostTokens }) => ({
    model,
    ...(system === '' ? {} : { instructions: system }),
    input: said.map((turn) => ({ role: turn.by === 'user' ? 'user' : 'assistant', content: turn.text })),
    temperature,
    max_output_tokens: mostTokens,
    stream: true,
    // Each turn carries the conversation: nothing is to stay with the provider.
    store: false,
  }),
  read: (data) => {
    switch (at(data, 'type')) {
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        return text(at(data, 'delta'));
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        return thought(at(data, 'delta'));
      case 'response.completed':
        return end('stop');
      case 'response.incomplete':
        return end(at(data, 'response', 'incomplete_details', 'reason') ?? 'incomplete');
      case 'response.failed':
        return failed(at(data, 'response', 'error'));
      // The gateway's and OpenAI's stand at the top level; others nest it.
      case 'error':
        return failed(at(data, 'error') ?? data);
      default:
        return [];
    }
  },
};

function failed(error: unknown): Piece[] {
  return fault(error ?? { message: 'The response failed.' });
}
