import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { getJson, pathOf } from '../../../api/client.ts';
import { mayRetry } from '../../../api/use-api.ts';
import { Button } from '../../../design/button.tsx';
import { Card } from '../../../design/card.tsx';
import { Field } from '../../../design/filter-bar.tsx';
import { money, moneyExact, percent } from '../../../design/format.ts';
import { Foreign } from '../../../design/hostile.tsx';
import { Empty, Failure, Loading } from '../../../design/states.tsx';
import { Table } from '../../../design/table.tsx';
import type { Column } from '../../../design/table.tsx';
import { Time } from '../../../design/texts.tsx';
import { BucketPage } from '../answers.ts';
import type { Bucket } from '../../../api/shapes.ts';
import { usePlace } from '../use-place.ts';
import { justBefore, rateWords } from './amounts.ts';
import styles from './quotas.module.css';
import { Refill } from './refill.tsx';

const PER_PAGE = 100;

export const BUCKETS_KEY = '/api/quotas';

/** Every bucket that was charged, by name; those that begin with what is asked for. */
export function Buckets() {
  const [{ bucket: wanted }, go] = usePlace();
  const [typed, setTyped] = useState(wanted ?? '');
  const [refilled, setRefilled] = useState<Bucket | undefined>(undefined);
  return (
    <Card
      title="Buckets"
      note="What is left, refilled to this moment. A bucket is here once a request came that it might pay for."
      actions={
        <form
          className={styles.find}
          onSubmit={(event) => {
            event.preventDefault();
            go({ bucket: typed.trim() === '' ? undefined : typed.trim() });
          }}
        >
          <Field label="Begins with" type="search" value={typed} onChange={setTyped} placeholder="daily:alice" code />
          <Button type="submit">Find</Button>
        </form>
      }
      flush
    >
      <List key={wanted ?? ''} wanted={wanted ?? ''} onRefill={setRefilled} />
      {refilled !== undefined && <Refill bucket={refilled} onClose={() => setRefilled(undefined)} />}
    </Card>
  );
}

function List({ wanted, onRefill }: { wanted: string; onRefill: (bucket: Bucket) => void }) {
  const pages = useInfiniteQuery({
    queryKey: [BUCKETS_KEY, wanted],
    queryFn: ({ pageParam, signal }) =>
      getJson(pathOf('/api/quotas', { limit: PER_PAGE, after: pageParam }), BucketPage, signal),
    initialPageParam: wanted === '' ? undefined : justBefore(wanted),
    // What comes after the last that begins so is not asked for.
    getNextPageParam: ({ items, next }) =>
      items.at(-1)?.bucket.startsWith(wanted) === true ? (next ?? undefined) : undefined,
    retry: mayRetry,
  });
  if (pages.data === undefined) {
    if (pages.error !== null) return <Failure error={pages.error} again={() => void pages.refetch()} />;
    return (
      <div className={styles.waiting}>
        <Loading lines={6} />
      </div>
    );
  }
  const buckets = pages.data.pages.flatMap(({ items }) => items).filter(({ bucket }) => bucket.startsWith(wanted));
  if (buckets.length === 0) {
    return wanted === '' ? (
      <Empty title="No bucket yet">Name a quota in a grant; its first request makes one.</Empty>
    ) : (
      <Empty title="No such bucket">
        None begins with <Foreign>{wanted}</Foreign>.
      </Empty>
    );
  }
  return (
    <>
      <Table
        caption="Buckets and what is left in them"
        columns={columns(onRefill)}
        rows={buckets}
        id={({ bucket }) => bucket}
      />
      {pages.hasNextPage && (
        <Button look="quiet" disabled={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
          Show more
        </Button>
      )}
    </>
  );
}

function columns(onRefill: (bucket: Bucket) => void): readonly Column<Bucket>[] {
  return [
    {
      key: 'bucket',
      head: 'Bucket',
      wide: true,
      title: ({ bucket }) => bucket,
      cell: ({ bucket }) => <Foreign>{bucket}</Foreign>,
    },
    { key: 'share', head: 'Left', minor: true, cell: (bucket) => <Share bucket={bucket} /> },
    {
      key: 'balance',
      head: 'Balance',
      figure: true,
      title: ({ balance_nanodollars }) => moneyExact(balance_nanodollars),
      cell: ({ balance_nanodollars }) => money(balance_nanodollars),
    },
    {
      key: 'held',
      head: 'Set aside',
      figure: true,
      minor: true,
      title: ({ held_nanodollars }) => `${moneyExact(held_nanodollars)} for requests under way and to come`,
      cell: ({ held_nanodollars }) => money(held_nanodollars),
    },
    {
      key: 'capacity',
      head: 'Capacity',
      figure: true,
      minor: true,
      title: ({ capacity_nanodollars }) => moneyExact(capacity_nanodollars),
      cell: ({ capacity_nanodollars }) => money(capacity_nanodollars),
    },
    {
      key: 'rate',
      head: 'Flows back',
      figure: true,
      minor: true,
      cell: ({ rate }) =>
        rate.nanodollars === '0' ? 'nothing' : `${money(rate.nanodollars)} ${rateWords(rate.per_ms)}`,
    },
    {
      key: 'updated',
      head: 'Changed',
      minor: true,
      cell: ({ updated_at }) => (updated_at === null ? 'never' : <Time at={updated_at} />),
    },
    {
      key: 'refill',
      head: '',
      figure: true,
      cell: (bucket) => (
        <Button look="quiet" aria-label={`Refill ${bucket.bucket}`} onClick={() => onRefill(bucket)}>
          Refill
        </Button>
      ),
    },
  ];
}

/** A bar of what is left, and the share in words. */
function Share({ bucket: { balance_nanodollars, capacity_nanodollars } }: { bucket: Bucket }) {
  const capacity = BigInt(capacity_nanodollars);
  const share = capacity === 0n ? 0 : Number((BigInt(balance_nanodollars) * 1000n) / capacity) / 1000;
  const shown = Math.min(1, Math.max(0, share));
  const state = share <= 0.05 ? 'bad' : share <= 0.2 ? 'warn' : 'good';
  return (
    <span className={styles.share}>
      <span className={styles.track} data-state={state}>
        <span style={{ width: `${100 * shown}%` }} />
      </span>
      {capacity === 0n ? '–' : percent(shown)}
    </span>
  );
}
