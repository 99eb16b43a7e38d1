import { at, listAt } from './json.ts';
import { end, fault, text, thought } from './wire.ts';
import type { Wire } from './wire.ts';

export const openAiChat: Wire = {
  path: () => '/v1/chat/completions',
  body: ({ model, system, said, temperature, mostTokens }, isOpenAi) => ({
    model,
    messages: [
      ...(system === '' ? [] : [{ role: 'system', content: system }]),
      ...said.map((turn) => ({ role: turn.by === 'user' ? 'user' : 'assistant', content: turn.text })),
    ],
    temperature,
    // OpenAI's newer models refuse the old name, and who copied the API before there was another refuses the new one.
    [isOpenAi ? 'max_completion_tokens' : 'max_tokens']: mostTokens,
    stream: true,
    stream_options: { include_usage: true },
  }),
  read: (data) => {
    const choice = listAt(data, 'choices').find((each) => (at(each, 'index') ?? 0) === 0);
    const delta = at(choice, 'delta');
    return [
      ...fault(at(data, 'error')),
      ...thought(at(delta, 'reasoning_content') ?? at(delta, 'reasoning')),
      ...text(at(delta, 'content')),
      ...text(at(delta, 'refusal')),
      ...end(at(choice, 'finish_reason')),
    ];
  },
};
