import type { JsonNode, ObjectNode } from './json-tree.ts';
import { itemsOf, memberOf, textIn } from './json-tree.ts';
import { REASONING, SIGNED, SPOKEN, TOKENS, tokenTwins } from './reading.ts';
import type { Nature, Texts } from './reading.ts';

/** Words of the protocols, ids and what only a machine reads. */
const NAMES = new Set([
  'id',
  'type',
  'object',
  'model',
  'modelVersion',
  'role',
  'name',
  'status',
  'format',
  'event_type',
  'finish_reason',
  'finishReason',
  'stop_reason',
  'system_fingerprint',
  'service_tier',
  'serviceTier',
  'speed',
  'modality',
  'category',
  'probability',
  'blockReason',
  'mimeType',
  'mime_type',
  'media_type',
  'createTime',
  'trafficType',
  'responseId',
  // Padding against those who count bytes.
  'obfuscation',
  'p',
  // Encrypted or signed.
  'signature',
  'thoughtSignature',
  'thought_signature',
  'encrypted_content',
  'encrypted_index',
  'encrypted_stdout',
]);
/** Base64, where it is long. */
const BINARY = new Set(['data', 'b64_json', 'partial_image_b64', 'result', 'file_data', 'payload', 'delta', 'audio']);
const LEAST_BINARY_CHARS = 64;
const ID_NAME = /(?:_id|Id)$/;
/** What a name, an id, a time or base64 is made of; no text is. */
const NO_TEXT = /^[\w+/=.:-]*$/;
/** Shorter ones are words of some protocol. */
const LEAST_CHARS = 4;

/**
 * Reads each string that nobody has taken as a text of its own, so that an event or a member that we do not know carries
 * nothing past the rules.
 */
export function readOthers(node: JsonNode, texts: Texts, nature: Nature = { place: 'text' }, name = ''): void {
  switch (node.kind) {
    case 'text':
      if (!node.taken && node.value.length >= LEAST_CHARS && !isName(name, node.value)) texts.other(node, nature);
      return;
    case 'list':
      for (const item of node.items) readOthers(item, texts, nature, name);
      return;
    case 'object': {
      const inner = natureIn(node, nature);
      if (node.members.some(({ key }) => key.value === 'token')) readToken(node, texts, inner);
      for (const { key, value } of node.members) readOthers(value, texts, inner, key.value);
      return;
    }
    case 'scalar':
  }
}

/** Members of a delta that we do not know: what comes in pieces elsewhere may come so here. */
export function readPieces(delta: JsonNode | undefined, texts: Texts, group: string, under: string): void {
  if (delta?.kind !== 'object') return;
  for (const { key, value } of delta.members) {
    if (value.kind !== 'text' || value.taken || isName(key.value, value.value)) continue;
    texts.piece(value, group, 'others', `${under} ${key.value}`, REASONING_NAME.test(key.value) ? REASONING : SPOKEN);
  }
}

const REASONING_NAME = /reason|think/;

function isName(name: string, value: string): boolean {
  const known = NAMES.has(name) || ID_NAME.test(name) || (BINARY.has(name) && value.length >= LEAST_BINARY_CHARS);
  return known && NO_TEXT.test(value);
}

/** What is signed goes back to the provider as it came. */
function natureIn(node: ObjectNode, nature: Nature): Nature {
  const type = textIn(node, 'type');
  const signed = type === 'thinking' || type.startsWith('reasoning.') || textIn(node, 'signature') !== '';
  return signed ? SIGNED : nature;
}

/** A token that might have stood somewhere: with its bytes, where they say the same. */
function readToken(node: ObjectNode, texts: Texts, nature: Nature): void {
  const token = memberOf(node, 'token');
  if (token?.kind !== 'text' || token.value.length < LEAST_CHARS) return;
  texts.whole(token, { ...nature, again: true, twins: tokenTwins(node) });
}

/** Odds of the tokens of a text: the text once more, token by token. */
export function readTokens(list: JsonNode | undefined, texts: Texts, group: string, key: string, nature: Nature): void {
  for (const item of itemsOf(list)) {
    if (item.kind !== 'object') continue;
    const token = memberOf(item, 'token');
    texts.piece(token, group, TOKENS, key, { ...nature, again: true, twins: tokenTwins(item) });
  }
}
