import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { Card, PageHead } from '../../design/card.tsx';
import { countExact } from '../../design/format.ts';
import { RangePicker } from '../../design/range.tsx';
import { rangeOf } from '../../design/time-range.ts';
import { Empty } from '../../design/states.tsx';
import { useMe } from '../../shell/me.tsx';
import { Filters } from './filters.tsx';
import { ListBody } from '../../lists/list-body.tsx';
import { LiveSwitch } from './live-switch.tsx';
import type { LiveState } from './live-switch.tsx';
import { questionOf, requestFilters, USUAL_RANGE } from './questions.ts';
import { RequestList } from './request-list.tsx';
import { RequestsOverTime } from './requests-over-time.tsx';
import type { RequestsSearch } from './search.ts';
import { MOST_LIVE_ROWS, useRequestLog } from './use-request-log.ts';
import type { RequestLog } from './use-request-log.ts';
import { useIsSeen } from './use-tail.ts';
import styles from './list.module.css';

/** What happened? Every request, newest first, and those that come. */
export function Requests() {
  const search = useSearch({ from: '/requests' });
  const navigate = useNavigate({ from: '/requests' });
  const { role } = useMe();
  const [now] = useState(() => new Date());
  const range = useMemo(() => rangeOf(search, USUAL_RANGE, now), [search, now]);
  const names = requestFilters(role);
  const question = questionOf(search, names, { from: range.from, to: search.to && range.to });
  const [isChosen, setIsChosen] = useState(false);
  const live = liveOf(search, useIsSeen(), isChosen);
  const log = useRequestLog(question, {
    on: search.live === true && search.to === undefined,
    running: live === 'running',
  });
  const change = (changed: Partial<RequestsSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...changed }), replace: true });
  return (
    <>
      <PageHead
        title="Requests"
        note={role === 'admin' ? 'What everyone sent, and what came of it' : 'What you sent, and what came of it'}
        actions={<RangePicker search={search} otherwise={USUAL_RANGE} onChange={change} />}
      />
      <Filters names={names} search={search} range={range} onChange={change} />
      <RequestsOverTime question={question} range={range} />
      <Card flush>
        <div className={styles.bar}>
          <p className={styles.shown}>{shownText(log)}</p>
          <LiveSwitch state={live} error={log.tailError} onSwitch={(on) => change({ live: on ? true : undefined })} />
        </div>
        <ListBody
          what="requests"
          {...log}
          empty={<Empty title="No requests like that">Choose a longer time, or clear a filter.</Empty>}
        >
          {(rows) => (
            <RequestList
              rows={rows}
              marked={log.marked}
              isStale={log.isStale}
              showUser={role === 'admin'}
              now={now}
              onChosen={setIsChosen}
            />
          )}
        </ListBody>
      </Card>
    </>
  );
}

function liveOf(search: RequestsSearch, isSeen: boolean, isChosen: boolean): LiveState {
  if (search.to !== undefined) return 'impossible';
  if (search.live !== true) return 'off';
  if (!isSeen) return 'unseen';
  return isChosen ? 'chosen' : 'running';
}

function shownText({ rows, hasOlder, isCut }: RequestLog): string {
  if (rows === undefined) return 'Newest first';
  if (isCut) return `The newest ${MOST_LIVE_ROWS}; turn live off to go further back`;
  if (rows.length === 0) return 'None';
  return hasOlder ? `The newest ${countExact(rows.length)}` : `All ${countExact(rows.length)}, newest first`;
}
