import { at, listAt } from './json.ts';
import { end, fault, text, thought } from './wire.ts';
import type { Piece, Wire } from './wire.ts';

export const gemini: Wire = {
  path: (model) => `/v1beta/models/${model.split('/').map(encodeURIComponent).join('/')}:streamGenerateContent?alt=sse`,
  body: ({ system, said, temperature, mostTokens }) => ({
    contents: said.map((turn) => ({ role: turn.by, parts: [{ text: turn.text }] })),
    ...(system === '' ? {} : { systemInstruction: { parts: [{ text: system }] } }),
    generationConfig: { temperature, maxOutputTokens: mostTokens },
  }),
  read: (data) => {
    const parts = listAt(data, 'candidates', 0, 'content', 'parts');
    const said = parts.flatMap((part): Piece[] =>
      at(part, 'thought') === true ? thought(at(part, 'text')) : text(at(part, 'text')),
    );
    return [
      ...fault(at(data, 'error')),
      ...said,
      // Nothing was answered: what was asked is named as the reason.
      ...end(at(data, 'promptFeedback', 'blockReason')),
      ...end(at(data, 'candidates', 0, 'finishReason')),
    ];
  },
};
