import { useState } from 'react';
import { Badge } from '../../design/badge.tsx';
import { Button } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { bytes, countExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Empty } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { Time } from '../../design/texts.tsx';
import { ListBody } from '../../lists/list-body.tsx';
import { listOf, usePages } from '../../lists/use-pages.ts';
import styles from './deliveries.module.css';
import { LastError } from './last-error.tsx';
import { LetterDialog } from './letter-dialog.tsx';
import { LetterPage, LETTERS } from './letters.ts';
import type { Letter } from './letters.ts';
import { ReplayAllDialog } from './replay-all-dialog.tsx';

/** What the database would not have. */
export function LettersTab() {
  const list = listOf(usePages(LETTERS, LetterPage, ''));
  const [shown, show] = useState<Letter | undefined>(undefined);
  const [isReplaying, replay] = useState(false);
  const { rows } = list;
  const isAny = rows !== undefined && rows.length > 0;
  return (
    <Card
      title="Not stored"
      note="Records that the database would not take, and jobs that nobody could read: kept whole for 90 days"
      actions={isAny && <Button onClick={() => replay(true)}>Try all again…</Button>}
      flush
    >
      <ListBody
        what="dead letters"
        {...list}
        empty={
          <Empty title="Everything was stored">A record that cannot be would be kept here, with the reason.</Empty>
        }
      >
        {(letters) => <Table caption="Dead letters" columns={columns(show)} rows={letters} id={({ id }) => id} />}
      </ListBody>
      {shown !== undefined && <LetterDialog letter={shown} onClose={() => show(undefined)} />}
      {isReplaying && <ReplayAllDialog onClose={() => replay(false)} />}
    </Card>
  );
}

function columns(show: (letter: Letter) => void): Column<Letter>[] {
  return [
    { key: 'at', head: 'Since', cell: ({ at }) => <Time at={at} /> },
    { key: 'kind', head: 'What', minor: true, cell: ({ kind }) => <Badge>{kind}</Badge> },
    {
      key: 'subject',
      head: 'Of',
      minor: true,
      cell: ({ subject }) =>
        subject === null ? <span className={styles.none}>–</span> : <Foreign most={60}>{subject}</Foreign>,
      title: ({ kind }) => (kind === 'record' ? 'The request’s id' : 'The queue'),
    },
    {
      key: 'error',
      head: 'Why',
      wide: true,
      cell: ({ error }) => <LastError error={error} />,
      title: ({ error }) => error,
    },
    {
      key: 'bytes',
      head: 'Size',
      figure: true,
      minor: true,
      cell: ({ bytes: size }) => bytes(size),
      title: ({ bytes: size }) => `${countExact(size)} bytes`,
    },
    {
      key: 'show',
      head: '',
      cell: (letter) => (
        <Button look="quiet" aria-label={`Show ${letter.id}`} onClick={() => show(letter)}>
          Show
        </Button>
      ),
    },
  ];
}
