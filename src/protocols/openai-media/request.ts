import type { RequestFacts } from '../../contract/facts.ts';
import { clientSession } from '../client-session.ts';
import { emptyRequestFacts } from '../facts.ts';
import { formTypeOf, scanForm } from '../form-scan.ts';
import { objectOf, parseJson, textOrNull } from '../json.ts';
import type { RequestInput } from '../protocol.ts';
import type { Api } from '../../contract/api.ts';

/** A request for images, a transcription or speech, in JSON or as a form. It is no conversation, and has no history. */
export function readMediaRequest(api: Api, { headers, body }: RequestInput): RequestFacts {
  const facts = Object.assign(emptyRequestFacts(), clientSession(headers, []));
  const form = formTypeOf(api, headers);
  if (form !== undefined) {
    const scanned = scanForm(form, body);
    if (!scanned.ok) return facts;
    return Object.assign(facts, { model: scanned.value.model ?? null, stream: scanned.value.stream });
  }
  const said = objectOf(parseJson(Buffer.from(body).toString('utf8')));
  facts.model = textOrNull(said['model']);
  facts.stream = said['stream'] === true || said['stream_format'] === 'sse';
  return facts;
}
