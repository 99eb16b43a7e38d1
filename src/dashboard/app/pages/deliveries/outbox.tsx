import { useState } from 'react';
import { Badge } from '../../design/badge.tsx';
import type { Tone } from '../../design/badge.tsx';
import { Button } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { bytes, countExact } from '../../design/format.ts';
import { Foreign, plainText } from '../../design/hostile.tsx';
import { Picker } from '../../design/picker.tsx';
import { Empty } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { Time } from '../../design/texts.tsx';
import { ListBody } from '../../lists/list-body.tsx';
import { listOf, usePages } from '../../lists/use-pages.ts';
import { DeliveryPage } from './answers.ts';
import type { Delivery } from './answers.ts';
import { DeliveryDialog } from './delivery-dialog.tsx';
import { LastError } from './last-error.tsx';
import { DELIVERY_STATES } from './search.ts';
import type { DeliveriesSearch, DeliveryState } from './search.ts';
import styles from './deliveries.module.css';

const TONES: Record<DeliveryState, Tone> = { waiting: 'accent', delivered: 'good', dead: 'bad' };
const NAMES: Record<DeliveryState, string> = { waiting: 'Waiting', delivered: 'Delivered', dead: 'Dead' };

const OUTBOX = '/api/deliveries';

interface OutboxProps {
  names: readonly string[];
  search: DeliveriesSearch;
  change: (patch: Partial<DeliveriesSearch>) => void;
}

/** Single deliveries, as long as they are kept. */
export function Outbox({ names, search, change }: OutboxProps) {
  const { destination, state } = search;
  const pages = usePages(OUTBOX, DeliveryPage, questionOf(search));
  const [shown, show] = useState<Delivery | undefined>(undefined);
  return (
    <Card title="Events" note="The newest first. Delivered ones are kept for 3 days, dead ones for 30" flush>
      <div className={styles.bar}>
        <Picker
          label="Destination"
          options={names.map((value) => ({ value, name: plainText(value) }))}
          picked={destination}
          onPick={(picked) => change({ destination: picked })}
        />
        <Choice
          label="State"
          options={[{ value: 'all', name: 'All' }, ...DELIVERY_STATES.map((value) => ({ value, name: NAMES[value] }))]}
          chosen={state ?? 'all'}
          onChoose={(chosen) => change({ state: DELIVERY_STATES.find((each) => each === chosen) })}
        />
      </div>
      <ListBody what="deliveries" {...listOf(pages)} empty={<Empty title="No events like that" />}>
        {(rows) => <Table caption="Deliveries" columns={columns(show)} rows={rows} id={({ id }) => id} />}
      </ListBody>
      {shown !== undefined && <DeliveryDialog delivery={shown} onClose={() => show(undefined)} />}
    </Card>
  );
}

function questionOf({ destination, state }: DeliveriesSearch): string {
  return new URLSearchParams({
    ...(destination === undefined ? {} : { destination }),
    ...(state === undefined ? {} : { state }),
  }).toString();
}

function columns(show: (delivery: Delivery) => void): Column<Delivery>[] {
  return [
    { key: 'at', head: 'Made', cell: ({ created_at }) => <Time at={created_at} /> },
    { key: 'state', head: 'State', cell: ({ state }) => <Badge tone={TONES[state]}>{NAMES[state]}</Badge> },
    { key: 'destination', head: 'Destination', cell: ({ destination }) => <Foreign>{destination}</Foreign> },
    { key: 'kind', head: 'Event', cell: ({ kind }) => <Foreign>{kind}</Foreign> },
    {
      key: 'sequence',
      head: 'Sequence',
      figure: true,
      minor: true,
      cell: ({ sequence }) => (sequence === null ? <span className={styles.none}>–</span> : countExact(sequence)),
    },
    { key: 'attempts', head: 'Attempts', figure: true, cell: ({ attempts }) => countExact(attempts) },
    { key: 'size', head: 'Size', figure: true, minor: true, cell: ({ payload_bytes }) => bytes(payload_bytes) },
    {
      key: 'error',
      head: 'Last error',
      wide: true,
      minor: true,
      cell: ({ last_error }) => <LastError error={last_error} />,
      title: ({ last_error }) => last_error ?? undefined,
    },
    {
      key: 'show',
      head: '',
      cell: (delivery) => (
        <Button look="quiet" aria-label={`Show ${delivery.id}`} onClick={() => show(delivery)}>
          Show
        </Button>
      ),
    },
  ];
}
