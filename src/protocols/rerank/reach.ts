import { SCAN_ON_MAIN_BYTES } from '../../contract/limits.ts';
import type { BodyFields } from '../../contract/messages.ts';
import type { InputReach } from '../../contract/output-limit.ts';
import { elementsOf } from '../json-walk.ts';

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;

/** A word or two between the query and a document. */
const MORE_TOKENS_EACH = 16;

/**
 * What bounds the input of reranking: the query is read again with each document, and where those are texts the bytes
 * bound them. Images and other objects have no such bound, and no window bounds a sum of documents.
 */
export function rerankReach(decoded: Uint8Array, { spans }: BodyFields): InputReach {
  const { query, documents } = spans;
  if (decoded.byteLength > SCAN_ON_MAIN_BYTES) return { by: 'nothing', why: 'a body larger than is looked at' };
  if (documents === undefined || decoded[documents.valueStart] !== OPEN_BRACKET) {
    return { by: 'nothing', why: 'documents that are no list' };
  }
  const each = elementsOf(decoded, documents.valueStart);
  const isText = query !== undefined && decoded[query.valueStart] === QUOTE;
  if (!isText || each.some((at) => decoded[at] !== QUOTE)) return { by: 'nothing', why: 'documents that are no texts' };
  return { by: 'body', moreTokens: each.length * (query.valueEnd - query.valueStart + MORE_TOKENS_EACH) };
}
