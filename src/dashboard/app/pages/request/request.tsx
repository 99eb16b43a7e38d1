import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useApi } from '../../api/use-api.ts';
import { ApiError } from '../../api/client.ts';
import { PageHead } from '../../design/card.tsx';
import { Empty, Failure, Loading } from '../../design/states.tsx';
import { Tabs } from '../../design/choice.tsx';
import { isYoung } from './availability.ts';
import { ConversationTab } from './conversation/conversation-tab.tsx';
import { Facts } from './facts.tsx';
import { Figures, RequestHead } from './head.tsx';
import { HeadersTab } from './headers-tab.tsx';
import { RawTab } from './raw-tab.tsx';
import { RecordTab } from './record-tab.tsx';
import { RequestRecord } from './record.ts';
import styles from './request.module.css';
import type { RequestSearch, Tab } from './search.ts';
import { StreamTab } from './stream/stream-tab.tsx';
import { TimingTab } from './timing-tab.tsx';

const LOOK_AGAIN_MS = 2_000;

/** What exactly went through: a request with all that was said, and all that the gateway did about it. */
export function RequestPage() {
  const { id } = useParams({ from: '/requests/$id' });
  const answer = useApi(`/api/requests/${encodeURIComponent(id)}`, RequestRecord);
  const waits = answer.data !== undefined && isYoung(answer.data, answer.dataUpdatedAt);
  const { refetch } = answer;
  useEffect(() => {
    if (!waits) return;
    const timer = setInterval(() => void refetch(), LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [waits, refetch]);
  if (answer.data !== undefined) return <Whole record={answer.data} />;
  if (answer.error === null) return <Loading lines={10} />;
  if (answer.error instanceof ApiError && answer.error.status === 404) {
    return (
      <>
        <PageHead title="Request" />
        <Empty title="There is no such request">Nobody made it, or it is somebody else’s.</Empty>
      </>
    );
  }
  return <Failure error={answer.error} again={() => void refetch()} />;
}

function Whole({ record }: { record: RequestRecord }) {
  const search = useSearch({ from: '/requests/$id' });
  const navigate = useNavigate({ from: '/requests/$id' });
  const change = (said: Partial<RequestSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...said }), replace: true, resetScroll: false });
  const tab = search.tab ?? 'conversation';
  return (
    <>
      <RequestHead record={record} />
      <Figures record={record} />
      <div className={styles.split}>
        <div className={styles.main}>
          <Tabs<Tab>
            label="Views of this request"
            options={TABS_SHOWN}
            chosen={tab}
            onChoose={(to) => change({ tab: to })}
          >
            <View tab={tab} record={record} search={search} change={change} />
          </Tabs>
        </div>
        <Facts record={record} />
      </div>
    </>
  );
}

const TABS_SHOWN: { value: Tab; name: string }[] = [
  { value: 'conversation', name: 'Conversation' },
  { value: 'raw', name: 'Raw' },
  { value: 'stream', name: 'Stream' },
  { value: 'headers', name: 'Headers' },
  { value: 'timing', name: 'Timing' },
  { value: 'record', name: 'Record' },
];

interface ViewProps {
  tab: Tab;
  record: RequestRecord;
  search: RequestSearch;
  change: (said: Partial<RequestSearch>) => void;
}

function View({ tab, record, search, change }: ViewProps) {
  switch (tab) {
    case 'conversation':
      return <ConversationTab record={record} onRaw={(side) => change({ tab: 'raw', side })} />;
    case 'raw':
      return <RawTab record={record} search={search} change={change} />;
    case 'stream':
      return <StreamTab record={record} />;
    case 'headers':
      return <HeadersTab record={record} />;
    case 'timing':
      return <TimingTab record={record} />;
    case 'record':
      return <RecordTab record={record} />;
  }
}
