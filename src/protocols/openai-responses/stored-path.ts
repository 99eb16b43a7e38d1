import type { Api } from '../../contract/api.ts';
import { RESPONSE_ID_CHARS } from '../../contract/holding.ts';

/** What a path asks of a stored response. */
export interface StoredCall {
  responseId: string;
  api: Extract<Api, 'openai_responses_stored' | 'openai_responses_side'>;
}

/** Ids are of letters, digits and `_`; compatible servers have UUIDs and the like. What else could be in one is doubtful. */
const STORED = new RegExp(
  `^/(?:v1|codex)/responses/([A-Za-z0-9_.~-]{1,${RESPONSE_ID_CHARS}})(?:/(cancel|input_items))?$`,
);

/**
 * What is asked of which stored response; methods that the path takes where it takes another one; undefined where the
 * path is none of a stored response.
 */
export function storedCall(method: string, path: string): StoredCall | { allow: string } | undefined {
  const match = STORED.exec(path);
  const responseId = match?.[1];
  if (match === null || responseId === undefined) return undefined;
  switch (match[2]) {
    case 'cancel':
      return method === 'POST' ? { responseId, api: 'openai_responses_stored' } : { allow: 'POST' };
    case 'input_items':
      return method === 'GET' ? { responseId, api: 'openai_responses_side' } : { allow: 'GET' };
    default:
      if (method === 'GET') return { responseId, api: 'openai_responses_stored' };
      return method === 'DELETE' ? { responseId, api: 'openai_responses_side' } : { allow: 'GET, DELETE' };
  }
}

/** The response that the path of an accepted request names. */
export function storedId(path: string): string | null {
  return STORED.exec(path)?.[1] ?? null;
}
