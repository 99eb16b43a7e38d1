import { objectsOf, textOf, textOrNull } from '../json.ts';
import type { MediaShape } from './media-stream.ts';

const COMPLETED: ReadonlySet<string> = new Set(['image_generation.completed', 'image_edit.completed']);
/** OpenAI gives ten at once. */
const IMAGES_MAX = 128;
/** What an event says of its image, and the whole answer of all. */
const HEAD_MEMBERS = ['background', 'output_format', 'quality', 'size'];

/** Sketches of an image come before it; only it is kept. */
export const IMAGES: MediaShape = {
  made: 'image_out',
  terminal: COMPLETED,
  add(whole, event, keep, chars) {
    if (!COMPLETED.has(textOf(event['type']))) return;
    if (objectsOf(whole['data']).length < IMAGES_MAX) keep.push(whole, 'data', { b64_json: event['b64_json'] }, chars);
    keep.set(whole, 'created', event['created_at'], chars);
    for (const member of HEAD_MEMBERS) keep.set(whole, member, textOrNull(event[member]), chars);
  },
};
