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
import { questionOf, sessionFilters, USUAL_RANGE } from './questions.ts';
import type { SessionsSearch } from './search.ts';
import { SessionList } from './session-list.tsx';
import { SessionPage } from './shapes.ts';
import { usePages } from '../../lists/use-pages.ts';
import styles from './list.module.css';

/** What happened, conversation by conversation. */
export function Sessions() {
  const search = useSearch({ from: '/sessions' });
  const navigate = useNavigate({ from: '/sessions' });
  const { role } = useMe();
  const [now] = useState(() => new Date());
  const range = useMemo(() => rangeOf(search, USUAL_RANGE, now), [search, now]);
  const names = sessionFilters(role);
  const pages = usePages(
    '/api/sessions',
    SessionPage,
    questionOf(search, names, { from: range.from, to: search.to && range.to }),
  );
  const rows = pages.data?.pages.flatMap(({ items }) => items);
  const change = (changed: Partial<SessionsSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...changed }), replace: true });
  return (
    <>
      <PageHead
        title="Sessions"
        note={
          role === 'admin'
            ? 'Conversations of everyone’s agents, the last active first'
            : 'Conversations of your agents, the last active first'
        }
        actions={<RangePicker search={search} otherwise={USUAL_RANGE} onChange={change} />}
      />
      <Filters names={names} search={search} range={range} onChange={change} />
      <Card flush>
        <div className={styles.bar}>
          <p className={styles.shown}>{shownText(rows?.length, pages.hasNextPage)}</p>
        </div>
        <ListBody
          what="sessions"
          rows={rows}
          error={pages.error}
          again={() => void pages.refetch()}
          empty={<Empty title="No sessions like that">Choose a longer time, or clear a filter.</Empty>}
          hasOlder={pages.hasNextPage}
          isLoadingOlder={pages.isFetchingNextPage}
          loadOlder={() => void pages.fetchNextPage()}
        >
          {(there) => (
            <SessionList rows={there} isStale={pages.isPlaceholderData} showUser={role === 'admin'} now={now} />
          )}
        </ListBody>
      </Card>
    </>
  );
}

function shownText(rows: number | undefined, hasOlder: boolean): string {
  if (rows === undefined) return 'The last active first';
  if (rows === 0) return 'None';
  return hasOlder ? `The ${countExact(rows)} last active` : `All ${countExact(rows)}, the last active first`;
}
