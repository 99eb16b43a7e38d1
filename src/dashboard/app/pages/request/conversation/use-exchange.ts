import { useMe } from '../../../shell/me.tsx';
import { bodyPath, bodyState, isEventStream } from '../availability.ts';
import type { BodyState } from '../availability.ts';
import type { RequestRecord } from '../record.ts';
import type { Side } from '../search.ts';
import { useBody, useJob } from '../use-body.ts';
import { useNow } from '../use-now.ts';

/** What both bodies say, read by the words of their API; what is not there, or cannot be read, is null in it. */
export function useExchange(record: RequestRecord) {
  const me = useMe();
  const nowMs = useNow();
  const [asked, answered] = [bodyState(record, 'request', me, nowMs), bodyState(record, 'response', me, nowMs)];
  const [askedPath, answeredPath] = [
    readablePath(record, asked, 'request'),
    readablePath(record, answered, 'response'),
  ];
  const request = useBody(askedPath);
  const response = useBody(answeredPath);
  const isThere = (path: string | undefined, { data, error }: typeof request) =>
    path === undefined || data !== undefined || error !== null;
  const read = useJob(
    'conversation',
    [record.id, record.api, request.data?.length, response.data?.length, request.error, response.error],
    isThere(askedPath, request) && isThere(answeredPath, response)
      ? {
          api: record.api,
          request: request.data ?? null,
          requestRebuilt: isRebuilt(askedPath),
          response: response.data ?? null,
          responseRebuilt: isRebuilt(answeredPath),
        }
      : undefined,
  );
  return { asked, answered, request, response, read };
}

/** The gateway unpacks what is packed, and puts a stream together. What is neither is read as it came. */
function readablePath(record: RequestRecord, state: BodyState, side: Side): string | undefined {
  if (state.at === 'missing') return undefined;
  const isPlain = state.encoding === '' && !(side === 'response' && isEventStream(record));
  return isPlain ? state.path : bodyPath(record.id, side, 'json');
}

function isRebuilt(path: string | undefined): boolean {
  return path?.includes('form=json') ?? false;
}
