import { useState } from 'react';
import { Badge } from '../../design/badge.tsx';
import type { Tone } from '../../design/badge.tsx';
import { Button } from '../../design/button.tsx';
import { Card, Stat, Stats } from '../../design/card.tsx';
import { ago, countExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Empty } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { healthOf, isCut, sumOf } from './answers.ts';
import type { Counted, Destination, Destinations, Health } from './answers.ts';
import { LastError } from './last-error.tsx';
import { Outbox } from './outbox.tsx';
import { ReplayDialog } from './replay-dialog.tsx';
import type { DeliveriesSearch } from './search.ts';
import styles from './deliveries.module.css';

const HEALTH: Record<Health, { tone: Tone; name: string; title: string }> = {
  good: { tone: 'good', name: 'delivers', title: 'Its last attempt was taken' },
  failing: { tone: 'bad', name: 'fails', title: 'Its last attempts were not taken' },
  gone: { tone: 'neutral', name: 'not configured', title: 'The config has no destination of this name any more' },
  idle: { tone: 'neutral', name: 'nothing to tell', title: 'Nothing was to be told in the last 24 hours' },
};

interface DestinationsTabProps {
  known: Destinations;
  search: DeliveriesSearch;
  change: (patch: Partial<DeliveriesSearch>) => void;
}

export function DestinationsTab({ known, search, change }: DestinationsTabProps) {
  const { destinations } = known;
  const [replaying, replay] = useState<Destination | undefined>(undefined);
  if (destinations.length === 0) {
    return (
      <Card>
        <Empty title="Nothing is told to anybody">
          Webhooks are set under exporters.webhooks in the configuration, syslog under exporters.syslog, OpenTelemetry
          under exporters.otlp: for a SIEM, a collector, or for whatever should know.
        </Empty>
      </Card>
    );
  }
  return (
    <>
      <Figures known={known} />
      <Card title="Destinations" note="Each waits for itself alone" flush>
        <Table
          caption="Destinations of events"
          columns={columns(known, replay)}
          rows={destinations}
          id={({ name }) => name}
        />
      </Card>
      <Outbox names={destinations.map(({ name }) => name)} search={search} change={change} />
      {replaying !== undefined && <ReplayDialog destination={replaying} onClose={() => replay(undefined)} />}
    </>
  );
}

function Figures({ known: { destinations, counted_at_most: most } }: { known: Destinations }) {
  const text = (name: Counted) => countExact(sumOf(destinations, name)) + (isCut(destinations, name, most) ? '+' : '');
  const oldest = destinations
    .flatMap(({ oldest_waiting_at }) => (oldest_waiting_at === null ? [] : [oldest_waiting_at]))
    .toSorted()[0];
  const failing = destinations.filter((each) => healthOf(each) === 'failing').length;
  return (
    <Stats>
      <Stat name="delivered" label="Delivered" value={text('delivered_24h')} note="in the last 24 hours" />
      <Stat
        name="waiting"
        label="Waiting"
        value={text('waiting')}
        note={oldest === undefined ? 'nothing is late' : `the oldest: ${ago(oldest)}`}
      />
      <Stat name="dead" label="Dead letters" value={text('dead')} note="kept for 30 days, to be replayed" />
      <Stat
        name="failing"
        label="Failing"
        value={String(failing)}
        note={`of ${destinations.length} destination${destinations.length === 1 ? '' : 's'}`}
      />
    </Stats>
  );
}

function columns(known: Destinations, replay: (destination: Destination) => void): Column<Destination>[] {
  const figure = (key: string, head: string, name: Counted, minor = false) => {
    const more = isCut(known.destinations, name, known.counted_at_most) ? '+' : '';
    return {
      key,
      head,
      figure: true,
      minor,
      cell: ({ [name]: number }: Destination) =>
        number === 0 ? <span className={styles.none}>–</span> : countExact(number) + more,
      sort: ({ [name]: number }: Destination) => number,
    };
  };
  return [
    {
      key: 'name',
      head: 'Destination',
      cell: ({ name }) => <Foreign>{name}</Foreign>,
      title: ({ events }) => (events.length === 0 ? undefined : `Told of ${events.join(', ')}`),
      sort: ({ name }) => name,
    },
    { key: 'health', head: 'State', cell: HealthBadge, sort: healthOf },
    figure('delivered', 'Sent, 24 h', 'delivered_24h', true),
    figure('waiting', 'Waiting', 'waiting'),
    {
      key: 'oldest',
      head: 'Oldest',
      minor: true,
      cell: ({ oldest_waiting_at: at }) =>
        at === null ? <span className={styles.none}>–</span> : <span title={at}>{ago(at)}</span>,
      sort: ({ oldest_waiting_at }) => oldest_waiting_at ?? '',
    },
    figure('dead', 'Dead', 'dead'),
    {
      key: 'error',
      head: 'Last error',
      wide: true,
      cell: ({ last_error }) => <LastError error={last_error} />,
      title: ({ last_error }) => last_error ?? undefined,
    },
    {
      key: 'replay',
      head: '',
      cell: (destination) => (
        <Button look="quiet" aria-label={`Replay: ${destination.name}`} onClick={() => replay(destination)}>
          Replay…
        </Button>
      ),
    },
  ];
}

function HealthBadge(destination: Destination) {
  const { tone, name, title } = HEALTH[healthOf(destination)];
  const { failures, paused_until } = destination;
  const times = failures === 0 ? '' : `${failures} in a row; `;
  const until = paused_until === null ? '' : ` Nobody tries before ${paused_until}.`;
  return (
    <Badge tone={tone} title={`${times}${title}.${until}`}>
      {name}
    </Badge>
  );
}
