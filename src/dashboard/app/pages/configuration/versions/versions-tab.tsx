import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { getJson, pathOf } from '../../../api/client.ts';
import { mayRetry, useApi } from '../../../api/use-api.ts';
import { Badge } from '../../../design/badge.tsx';
import { Button } from '../../../design/button.tsx';
import { Card } from '../../../design/card.tsx';
import { Foreign } from '../../../design/hostile.tsx';
import { Answer, Empty, Failure, Loading } from '../../../design/states.tsx';
import { Table } from '../../../design/table.tsx';
import type { Column } from '../../../design/table.tsx';
import { Time } from '../../../design/texts.tsx';
import { ConfigNow, VersionPage } from '../answers.ts';
import type { VersionEntry } from '../answers.ts';
import { usePlace } from '../use-place.ts';
import { VersionCard } from './version-card.tsx';

const PER_PAGE = 25;

/** Who changed the config, when and why; what each change was; and the way back. */
export function VersionsTab() {
  const now = useApi('/api/config', ConfigNow);
  return (
    <Answer of={now} lines={10}>
      {(config) => <Versions now={config} />}
    </Answer>
  );
}

function Versions({ now }: { now: ConfigNow }) {
  const [{ version }] = usePlace();
  const pages = useInfiniteQuery({
    queryKey: ['/api/config/versions', now.hash],
    queryFn: ({ pageParam, signal }) =>
      getJson(pathOf('/api/config/versions', { limit: PER_PAGE, before: pageParam }), VersionPage, signal),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    retry: mayRetry,
  });
  if (pages.data === undefined) {
    if (pages.error !== null) return <Failure error={pages.error} again={() => void pages.refetch()} />;
    return <Loading lines={10} />;
  }
  const items = pages.data.pages.flatMap((page) => page.items);
  if (items.length === 0) return <Empty title="No version yet">The first save makes one.</Empty>;
  return (
    <>
      {version !== undefined && <VersionCard number={version} now={now} />}
      <Card title="Versions" note="Newest first. Each save and each rollback is one." flush>
        <Table
          caption="Versions of the config"
          columns={columns(now)}
          rows={items}
          id={({ number }) => String(number)}
          marked={({ number }) => number === version}
        />
        {pages.hasNextPage && (
          <Button look="quiet" disabled={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
            Show older ones
          </Button>
        )}
      </Card>
    </>
  );
}

function columns(now: ConfigNow): readonly Column<VersionEntry>[] {
  return [
    {
      key: 'number',
      head: 'Version',
      cell: ({ number }) => (
        <>
          <Link
            to="/configuration"
            search={(before) => ({ ...before, tab: 'versions', version: number, against: undefined })}
            resetScroll
          >
            Version {number}
          </Link>{' '}
          {number === now.number && <Badge tone="good">holds now</Badge>}
        </>
      ),
    },
    { key: 'at', head: 'When', cell: ({ at }) => <Time at={at} /> },
    { key: 'author', head: 'By', cell: ({ author }) => <Foreign>{author}</Foreign> },
    { key: 'note', head: 'Note', wide: true, title: ({ note }) => note, cell: ({ note }) => <Foreign>{note}</Foreign> },
  ];
}
