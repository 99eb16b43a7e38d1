import { ChevronDown, ChevronUp } from 'lucide-react';
import { useDeferredValue, useMemo, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';
import { IconButton } from '../../../design/button.tsx';
import { count, countExact } from '../../../design/format.ts';
import { Marked } from '../../../design/hostile.tsx';
import { Failure, Loading } from '../../../design/states.tsx';
import type { Found } from '../reader/find.ts';
import type { TextView as Text } from '../reader/jobs.ts';
import { rowAt, rowText } from '../reader/rows.ts';
import { useJob } from '../use-body.ts';
import { FixedRows } from './fixed-rows.tsx';
import { markedParts } from './marked-parts.ts';
import styles from './text-view.module.css';
import { useColumns } from './use-columns.ts';

interface TextViewProps {
  label: string;
  /** Says which text this is. */
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
  encoding: string;
  layOut: boolean;
  find: string;
  onFind: (wanted: string) => void;
}

/** A text of any length and kind: as many rows as are seen, unseen characters marked, and a way to find in it. */
export function TextView({ label, name, bytes, encoding, layOut, find, onFind }: TextViewProps) {
  const frame = useRef<HTMLDivElement>(null);
  const columns = useColumns(frame);
  const text = useJob(
    'text',
    [name, layOut, columns],
    columns === undefined ? undefined : { bytes, encoding, layOut, columns },
  );
  const wanted = useDeferredValue(find);
  const whole = text.data?.text;
  const found = useJob(
    'find',
    [name, wanted, layOut, whole?.length],
    whole === undefined || wanted === '' ? undefined : { text: whole, wanted },
  );
  return (
    <div ref={frame} className={styles.view}>
      {text.data !== undefined ? (
        <Shown
          label={label}
          text={text.data}
          layOut={layOut}
          find={find}
          found={wanted === '' ? undefined : found.data}
          onFind={onFind}
        />
      ) : text.error !== null ? (
        <Failure error={text.error} />
      ) : (
        <Loading lines={12} />
      )}
    </div>
  );
}

interface ShownProps extends Pick<TextViewProps, 'label' | 'layOut' | 'find' | 'onFind'> {
  text: Text;
  found: Found | undefined;
}

function Shown({ label, text, layOut, find, found, onFind }: ShownProps) {
  // What was found of another text is another list: it is gone through from its beginning.
  const [chosen, setChosen] = useState<{ of: Found | undefined; at: number }>({ of: undefined, at: 0 });
  const at = chosen.of === found ? chosen.at : 0;
  const total = found?.starts.length ?? 0;
  const go = (step: number) => setChosen({ of: found, at: (at + step + total) % Math.max(1, total) });
  const place = found?.starts[at];
  const notes = useMemo(() => notesOf(text, layOut), [text, layOut]);
  const keys = (event: KeyboardEvent) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    go(event.shiftKey ? -1 : 1);
  };
  return (
    <>
      <div className={styles.tools} role="search" aria-label="Find in this text">
        <input
          className={styles.find}
          type="search"
          aria-label="Find"
          placeholder="Find in this text"
          value={find}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => onFind(event.target.value)}
          onKeyDown={keys}
        />
        <span className={styles.count} role="status">
          {found !== undefined && find !== '' && (total === 0 ? 'Not found' : placeOf(at, found))}
        </span>
        <IconButton label="Previous" disabled={total === 0} onClick={() => go(-1)}>
          <ChevronUp size={16} />
        </IconButton>
        <IconButton label="Next" disabled={total === 0} onClick={() => go(1)}>
          <ChevronDown size={16} />
        </IconButton>
        <span className={styles.size} title={`${countExact(text.text.length)} characters`}>
          {count(text.rows.lines.at(-1) ?? 0)} lines
        </span>
      </div>
      {notes.map((note) => (
        <p key={note} className={styles.note}>
          {note}
        </p>
      ))}
      <FixedRows
        label={label}
        count={text.rows.starts.length}
        shown={place === undefined ? undefined : rowAt(text.rows, place)}
      >
        {(row) => <Row key={row} text={text} row={row} found={found} place={place} />}
      </FixedRows>
    </>
  );
}

function Row({
  text,
  row,
  found,
  place,
}: {
  text: Text;
  row: number;
  found: Found | undefined;
  place: number | undefined;
}) {
  const { rows } = text;
  const line = rows.lines[row] ?? 0;
  const isFirst = rows.lines[row - 1] !== line;
  const from = rows.starts[row] ?? 0;
  const parts = markedParts(rowText(text.text, rows, row), from, found, text.laidOut && isFirst);
  return (
    <div className={styles.row}>
      <span className={styles.line} aria-hidden>
        {isFirst ? line : ''}
      </span>
      <code className={styles.text}>
        {parts.map((part) =>
          part.kind === 'found' ? (
            <mark key={part.from} className={styles.found} data-here={part.match === place}>
              <Marked text={part.text} />
            </mark>
          ) : (
            <span key={part.from} className={part.kind === 'key' ? styles.key : undefined}>
              <Marked text={part.text} />
            </span>
          ),
        )}
      </code>
    </div>
  );
}

function placeOf(at: number, { starts, more }: Found): string {
  return `${countExact(at + 1)} of ${countExact(starts.length)}${more ? '+' : ''}`;
}

function notesOf({ text, rows, laidOut, damaged, unpacked }: Text, layOut: boolean): string[] {
  return [
    ...(layOut && !laidOut ? ['This is no JSON: it stands as it came.'] : []),
    ...(damaged ? ['Some bytes are not UTF-8: each of those stands as \ufffd.'] : []),
    ...(unpacked === null ? [] : [`It came packed with ${unpacked} and is shown unpacked.`]),
    ...(rows.end < text.length
      ? [`The first ${count(rows.end)} of ${count(text.length)} characters. The file has all of it.`]
      : []),
  ];
}
