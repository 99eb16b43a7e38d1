import { useState } from 'react';
import type { KeyboardEvent } from 'react';
import { bytes, countExact } from '../../../design/format.ts';
import { Foreign } from '../../../design/hostile.tsx';
import { CodeBlock } from '../../../design/texts.tsx';
import { readableArguments } from '../conversation/parts.ts';
import type { StreamView } from '../reader/jobs.ts';
import { FixedRows } from '../text/fixed-rows.tsx';
import styles from './event-list.module.css';

interface EventListProps {
  view: StreamView;
  /** Events that have come at the moment that is replayed. */
  come: number;
}

/** All events in their order; one of them whole. */
export function EventList({ view, come }: EventListProps) {
  const { events } = view;
  const [chosen, setChosen] = useState<number>();
  const keys = (event: KeyboardEvent) => {
    if (event.key === 'Escape') setChosen(undefined);
    const next = placeFor(event.key, chosen, events.length - 1);
    if (next === undefined) return;
    event.preventDefault();
    setChosen(next);
  };
  const now = come < events.length ? come - 1 : undefined;
  const one = chosen === undefined ? undefined : events[chosen];
  return (
    <>
      <FixedRows
        label="Events"
        role="listbox"
        count={events.length}
        shown={chosen ?? now}
        active={chosen === undefined ? undefined : `event-${chosen}`}
        onKeyDown={keys}
      >
        {(row) => (
          <Row key={row} view={view} row={row} come={come} isChosen={row === chosen} onChoose={() => setChosen(row)} />
        )}
      </FixedRows>
      {one !== undefined && chosen !== undefined && (
        <div className={styles.one}>
          <p className={styles.head}>
            Event {countExact(chosen + 1)}
            {one.name !== '' && <Foreign most={80}>{one.name}</Foreign>}
            <span>{timeOf(view, chosen)}</span>
            <span>{bytes(one.bytes)}</span>
          </p>
          <CodeBlock
            key={chosen}
            label={`Event ${chosen + 1}`}
            text={one.data.startsWith('{') ? readableArguments(one.data) : one.raw}
          />
        </div>
      )}
    </>
  );
}

function placeFor(key: string, chosen: number | undefined, last: number): number | undefined {
  const at = chosen ?? -1;
  switch (key) {
    case 'ArrowDown':
      return Math.min(last, at + 1);
    case 'ArrowUp':
      return Math.max(0, at - 1);
    case 'PageDown':
      return Math.min(last, at + 20);
    case 'PageUp':
      return Math.max(0, at - 20);
    case 'Home':
      return 0;
    case 'End':
      return last;
    default:
      return undefined;
  }
}

const SHOWN_CHARACTERS = 240;

interface RowProps {
  view: StreamView;
  row: number;
  come: number;
  isChosen: boolean;
  onChoose: () => void;
}

function Row({ view, row, come, isChosen, onChoose }: RowProps) {
  const event = view.events[row];
  if (event === undefined) return null;
  const data = event.data === '' ? event.raw : event.data;
  return (
    <div
      id={`event-${row}`}
      className={styles.row}
      role="option"
      aria-selected={isChosen}
      aria-setsize={view.events.length}
      aria-posinset={row + 1}
      data-come={row < come}
      onClick={onChoose}
    >
      <span className={styles.number}>{row + 1}</span>
      <span className={styles.time}>{timeOf(view, row)}</span>
      <span className={styles.size}>{bytes(event.bytes)}</span>
      <code className={styles.data}>
        {event.name !== '' && (
          <b>
            <Foreign most={60}>{event.name}</Foreign>
          </b>
        )}
        <Foreign most={SHOWN_CHARACTERS}>{data}</Foreign>
      </code>
    </div>
  );
}

function timeOf({ times }: StreamView, at: number): string {
  const ms = times[at] ?? 0;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
