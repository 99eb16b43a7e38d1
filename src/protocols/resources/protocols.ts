import type { Api } from '../../contract/api.ts';
import type { ResponseFacts } from '../../contract/facts.ts';
import { emptyRequestFacts, emptyResponseFacts } from '../facts.ts';
import { clientSession } from '../client-session.ts';
import type { Protocol, ResponseReader } from '../protocol.ts';
import { openReader } from '../reader.ts';
import { familyOf, RESOURCE_ENDPOINTS } from './endpoints.ts';

/** Files and their like may be large, and of any type: nothing of them is kept. */
class Unread implements ResponseReader {
  push(): void {
    // Hashed by the inspector, and that is all.
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    return { ...emptyResponseFacts(), complete: how === 'complete' };
  }
}

/** What is about something that a provider keeps: nothing of it is usage, and errors are read as everywhere. */
function resourceProtocol(api: Api): Protocol {
  const { dialect, speaks } = familyOf(api);
  const [compatibility = 'openai_chat'] = speaks;
  return {
    api,
    compatibility,
    dialect,
    billable: false,
    readRequest: ({ headers }) => Object.assign(emptyRequestFacts(), clientSession(headers, [])),
    openResponse: (head) =>
      head.status >= 400 ? openReader(head, { stream: undefined, unary: emptyResponseFacts }) : new Unread(),
  };
}

export const RESOURCE_PROTOCOLS: readonly Protocol[] = [...new Set(RESOURCE_ENDPOINTS.map(({ api }) => api))].map(
  resourceProtocol,
);
