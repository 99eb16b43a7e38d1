import type { MediaShape } from './media-stream.ts';

/** Of the sound nothing is kept: it is no text, and what was said stands in the request. */
export const SPEECH: MediaShape = {
  made: 'audio_out',
  terminal: new Set(['speech.audio.done']),
  add: () => undefined,
};
