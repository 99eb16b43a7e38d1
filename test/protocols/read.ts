import type { RequestFacts, ResponseFacts } from '../../src/contract/facts.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';

export interface Answer {
  status?: number;
  contentType?: string | null;
  how?: 'complete' | 'cut';
  chunks: Iterable<Uint8Array>;
}

/** Facts and rebuilt body of an answer. */
export function readAnswer(protocol: Protocol, answer: Answer): { facts: ResponseFacts; rebuilt: unknown } {
  const type = answer.contentType === undefined ? 'text/event-stream' : answer.contentType;
  const headers = new Map<string, string>(type === null ? [] : [['content-type', type]]);
  const reader = protocol.openResponse({ status: answer.status ?? 200, headers }, readBody(protocol, {}));
  for (const chunk of answer.chunks) reader.push(chunk);
  const facts = reader.end(answer.how ?? 'complete');
  return { facts, rebuilt: reader.rebuilt?.() };
}

export function readUnary(protocol: Protocol, body: unknown, more: Partial<Answer> = {}): ResponseFacts {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return readAnswer(protocol, { contentType: 'application/json', chunks: [Buffer.from(text)], ...more }).facts;
}

/** `data:` lines of these values; a string is taken as it is. */
export function sse(values: unknown[]): Buffer {
  const line = (value: unknown): string => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
  return Buffer.from(values.map(line).join(''));
}

export function readStream(protocol: Protocol, values: unknown[], more: Partial<Answer> = {}): ResponseFacts {
  return readAnswer(protocol, { chunks: [sse(values)], ...more }).facts;
}

export function readBody(
  protocol: Protocol,
  body: unknown,
  more: { headers?: Record<string, string>; path?: string; query?: string } = {},
): RequestFacts {
  return protocol.readRequest({
    method: 'POST',
    path: more.path ?? '/',
    query: more.query ?? '',
    headers: new Map(Object.entries(more.headers ?? {})),
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  });
}

/** The kinds that are not zero. */
export function counted(facts: ResponseFacts): Record<string, number> | null {
  return facts.usage === null
    ? null
    : Object.fromEntries(Object.entries(facts.usage).filter(([, count]) => count !== 0));
}
