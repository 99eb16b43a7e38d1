import type { PresentedTokens } from '../identity/presented-tokens.ts';
import type { ClientRequest } from './socket.ts';

/** The request as everything behind the door sees it: without the tokens of ours that it carried. */
export function withoutTokens(request: ClientRequest, { headers, query }: PresentedTokens): ClientRequest {
  const { method, path, remoteAddress } = request;
  return {
    method,
    path,
    query,
    headers,
    remoteAddress,
    header: (name) => headers.find(([header]) => header === name)?.[1],
  };
}
