import { parseJson } from '../../../../protocols/json.ts';
import { EventCutter } from './wire/events.ts';
import { faultOfAnswer } from './wire/wire.ts';
import type { Fault, Piece } from './wire/wire.ts';

export interface Asking {
  path: string;
  body: unknown;
  /** Names the conversation to the gateway, as clients do, so that its turns are one session. */
  session: string;
  signal: AbortSignal;
  /** The gateway's id of the request, as soon as there is an answer of any kind. */
  onHead: (requestId: string | undefined) => void;
  /** What an event's data says (`wire/`). */
  read: (data: unknown) => Piece[];
  onPieces: (pieces: readonly Piece[]) => void;
}

/**
 * Asks a model as any client does: the gateway's own path for it, as whoever looks at the page. Resolves when the answer has
 * ended, with why it is none; rejects when it was stopped.
 */
export async function ask(asking: Asking): Promise<Fault | undefined> {
  const { path, body, session, signal } = asking;
  let response: Response;
  try {
    response = await fetch(path, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/json', 'x-session-id': session },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    return { by: 'nobody', code: '', message: 'The gateway does not answer.' };
  }
  asking.onHead(response.headers.get('x-aperture-request-id') ?? undefined);
  const isStream = response.headers.get('content-type')?.includes('text/event-stream') === true;
  if (!response.ok || response.body === null || !isStream) {
    return response.ok ? NO_STREAM : faultOfAnswer(response.status, await response.text());
  }
  try {
    return await readPieces(response.body, asking);
  } catch (error) {
    if (signal.aborted) throw error;
    return { by: 'nobody', code: '', message: error instanceof Error ? error.message : 'The connection broke.' };
  }
}

const NO_STREAM: Fault = {
  by: 'provider',
  code: '',
  message: 'It answered, but not as a stream. The recorded request has what it said.',
};
const BROKEN: Fault = { by: 'provider', code: '', message: 'The answer broke off before its end.' };

/** Until the stream has ended; the first fault in it is the last thing that is read. */
async function readPieces(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  { read, onPieces }: Pick<Asking, 'read' | 'onPieces'>,
): Promise<Fault | undefined> {
  const events = new EventCutter();
  let hasEnd = false;
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return hasEnd ? undefined : BROKEN;
    for (const data of events.take(value)) {
      // `[DONE]`, and whatever else is no JSON, says nothing.
      const pieces = read(parseJson(data));
      onPieces(pieces);
      hasEnd ||= pieces.some(({ kind }) => kind === 'end');
      const failed = pieces.find((piece) => piece.kind === 'fault');
      if (failed !== undefined) {
        await reader.cancel();
        return failed.fault;
      }
    }
  }
}
