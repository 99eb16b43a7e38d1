import type { Api } from '../contract/api.ts';
import type { BodyFields } from '../contract/messages.ts';
import type { InputReach } from '../contract/output-limit.ts';

/** Tokens that such a provider adds to a prompt. */
const MORE_TOKENS = 512;

/** Members of a JSON body that bring pictures, or name them; a letter may be escaped. */
const PICTURES = /"(?:images?|mask)"|\\u00[4-7]/;

/**
 * Bytes of a file for each byte of text that comes to as many tokens: sound of 64 kbit/s has ten tokens a second, a picture of
 * a megabyte some two thousand, and text one for three bytes. For what a usual request costs, never for the most.
 */
const FILE_BYTES_FOR_ONE = 100;

/** What bounds the input of such a request; undefined for other APIs. */
export function mediaReach(api: Api, decoded: Uint8Array, { form }: BodyFields): InputReach | undefined {
  switch (api) {
    case 'openai_images': {
      const hasPictures = form === undefined ? PICTURES.test(latin1(decoded)) : form.fileBytes > 0;
      return hasPictures ? { by: 'window', why: 'images' } : { by: 'body', moreTokens: MORE_TOKENS };
    }
    case 'openai_transcriptions':
      return { by: 'window', why: 'sound' };
    case 'openai_speech':
      return { by: 'body', moreTokens: MORE_TOKENS };
    default:
      return undefined;
  }
}

/** As many bytes of text as bring about the tokens of a form with files. */
export function textBytesOf({ form }: BodyFields, bodyBytes: number): number {
  return form === undefined ? bodyBytes : form.textBytes + Math.ceil(form.fileBytes / FILE_BYTES_FOR_ONE);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
