import { useMemo, useState } from 'react';
import { useMe } from '../../../shell/me.tsx';
import { Card } from '../../../design/card.tsx';
import { count, countExact } from '../../../design/format.ts';
import { Empty, Failure, Loading } from '../../../design/states.tsx';
import { bodyState, isEventStream } from '../availability.ts';
import type { BodyState } from '../availability.ts';
import { Lost } from '../lost.tsx';
import { Missing } from '../missing.tsx';
import type { Pace, RequestRecord } from '../record.ts';
import type { StreamView } from '../reader/jobs.ts';
import { msBetween } from '../timing.ts';
import { useBody, useJob } from '../use-body.ts';
import { useNow } from '../use-now.ts';
import { EventList } from './event-list.tsx';
import { countUntil, evenPace } from './pace.ts';
import { Replay } from './replay.tsx';

/** The stream as it came: its events in order, and what was said at its own pace. */
export function StreamTab({ record }: { record: RequestRecord }) {
  const state = bodyState(record, 'response', useMe(), useNow());
  if (state.at === 'missing') {
    return (
      <Card>
        <Missing state={state} />
      </Card>
    );
  }
  if (!isEventStream(record)) {
    return (
      <Card>
        <Empty title="No stream">This response came in one piece. See it as a conversation, or raw.</Empty>
      </Card>
    );
  }
  return <Stream record={record} state={state} />;
}

/** Where nobody noted when its bytes came: evenly, from the first byte to the end. */
function paceOf(record: RequestRecord, bytes: number): { pace: Pace; isNoted: boolean } {
  const noted = record.capture?.response_pace ?? null;
  if (noted !== null && noted.length > 0) return { pace: noted, isNoted: true };
  const endMs = msBetween(record.received_at, record.ended_at);
  const firstMs = record.first_byte_at === null ? 0 : msBetween(record.received_at, record.first_byte_at);
  return { pace: evenPace(firstMs, endMs, bytes), isNoted: false };
}

function Stream({ record, state }: { record: RequestRecord; state: Extract<BodyState, { at: 'there' }> }) {
  const body = useBody(state.path);
  const { pace, isNoted } = paceOf(record, state.bytes);
  const read = useJob(
    'stream',
    [record.id, body.data?.length, pace.length],
    body.data === undefined ? undefined : { bytes: body.data, encoding: state.encoding, pace },
  );
  const problem = body.error ?? read.error;
  if (problem !== null) return <Failure error={problem} />;
  if (read.data === undefined) {
    return (
      <Card>
        <Loading lines={10} />
      </Card>
    );
  }
  return (
    <>
      <Lost record={record} />
      <Seen view={read.data} isNoted={isNoted} />
    </>
  );
}

function Seen({ view, isNoted }: { view: StreamView; isNoted: boolean }) {
  const endMs = view.times.at(-1) ?? 0;
  const [atMs, setAtMs] = useState(endMs);
  const come = useMemo(() => countUntil(view.times, atMs), [view.times, atMs]);
  if (view.events.length === 0) {
    return (
      <Card>
        <Empty title="No events">The stream ended before the first one was whole.</Empty>
      </Card>
    );
  }
  const note = isNoted
    ? 'At the pace at which its bytes came'
    : 'When its bytes came was not noted: spread evenly from the first byte to the end';
  return (
    <>
      <Card title="Replay" note={note}>
        <Replay said={view.said} come={come} atMs={atMs} endMs={endMs} onMove={setAtMs} />
      </Card>
      <Card
        flush
        title="Events"
        note={
          <span title={`${countExact(view.events.length)} events`}>
            {count(view.events.length)}
            {view.more && ' of more'} {view.events.length === 1 ? 'event' : 'events'}; arrow keys go through them
          </span>
        }
      >
        <EventList view={view} come={come} />
      </Card>
    </>
  );
}
