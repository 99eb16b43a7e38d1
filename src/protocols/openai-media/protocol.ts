import type { Protocol, ResponseHead, ResponseReader } from '../protocol.ts';
import { Unread, mediaType, openReader } from '../reader.ts';
import type { Shapes } from '../reader.ts';
import { IMAGES } from './images.ts';
import { MediaAssembly } from './media-stream.ts';
import type { MediaShape } from './media-stream.ts';
import { readMediaRequest } from './request.ts';
import { SPEECH } from './speech.ts';
import { PlainTranscript, TRANSCRIPTION } from './transcription.ts';
import { factsOfMedia, finished } from './whole.ts';

/** Generations, edits and variations. Whoever serves either of OpenAI's APIs for texts may have these. */
export const openaiImages: Protocol = {
  api: 'openai_images',
  compatibility: 'openai_chat',
  alsoServedBy: 'openai_responses',
  dialect: 'openai',
  billable: true,
  readRequest: (input) => readMediaRequest('openai_images', input),
  openResponse: (head) => openReader(head, shapesOf(IMAGES)),
};

/** And translations. */
export const openaiTranscriptions: Protocol = {
  api: 'openai_transcriptions',
  compatibility: 'openai_chat',
  alsoServedBy: 'openai_responses',
  dialect: 'openai',
  billable: true,
  readRequest: (input) => readMediaRequest('openai_transcriptions', input),
  openResponse: (head) => openOr(head, TRANSCRIPTION, () => new PlainTranscript()),
};

export const openaiSpeech: Protocol = {
  api: 'openai_speech',
  compatibility: 'openai_chat',
  alsoServedBy: 'openai_responses',
  dialect: 'openai',
  billable: true,
  readRequest: (input) => readMediaRequest('openai_speech', input),
  openResponse: (head) => openOr(head, SPEECH, () => new Unread(finished)),
};

/** As ever for errors, events and JSON; `otherwise` for what is none of them by its type. */
function openOr(head: ResponseHead, shape: MediaShape, otherwise: () => ResponseReader): ResponseReader {
  const type = mediaType(head);
  const isUsual = type === '' || type === 'text/event-stream' || type === 'application/json' || type.endsWith('+json');
  return isUsual || head.status >= 400 ? openReader(head, shapesOf(shape)) : otherwise();
}

function shapesOf(shape: MediaShape): Shapes {
  return { stream: () => new MediaAssembly(shape), unary: (body) => factsOfMedia(body, shape.made) };
}
