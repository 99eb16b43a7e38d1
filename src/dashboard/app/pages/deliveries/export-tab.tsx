import { Badge } from '../../design/badge.tsx';
import { Card, Stat, Stats } from '../../design/card.tsx';
import { ago, bytes, count, countExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Empty } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { Time } from '../../design/texts.tsx';
import { ListBody } from '../../lists/list-body.tsx';
import { listOf, usePages } from '../../lists/use-pages.ts';
import { counted, ExportPage } from './answers.ts';
import type { Destinations, ExportFile, Exporter } from './answers.ts';
import styles from './deliveries.module.css';

/** How far the export has come, and its files. */
export function ExportTab({ known: { exporter, counted_at_most } }: { known: Destinations }) {
  if (exporter === null) {
    return (
      <Card>
        <Empty title="Nothing is exported">
          A bucket is set under exporters.s3 in the configuration; then every record goes there, also those of before.
        </Empty>
      </Card>
    );
  }
  return (
    <>
      <Figures exporter={exporter} most={counted_at_most} />
      <Files />
    </>
  );
}

function Figures({ exporter, most }: { exporter: Exporter; most: number }) {
  const { last_number, waiting_records, oldest_waiting_at, last_export_at, backfilled, running } = exporter;
  return (
    <Stats>
      <Stat
        name="exported"
        label="Records in files"
        value={count(last_number)}
        exact={countExact(last_number)}
        note="numbered without a gap"
      />
      <Stat
        name="export-waiting"
        label="Waiting"
        value={counted(waiting_records, most)}
        note={waitingText(oldest_waiting_at, backfilled)}
      />
      <Stat
        name="uploaded"
        label="Last upload"
        value={last_export_at === null ? 'None' : ago(last_export_at)}
        {...(last_export_at === null ? {} : { exact: last_export_at })}
        note={running ? 'a gateway is at it' : 'no gateway is at it now'}
      />
    </Stats>
  );
}

function waitingText(oldest: string | null, backfilled: boolean): string {
  const since = oldest === null ? 'all is in files' : `since ${ago(oldest)}`;
  return backfilled ? since : `${since}; older ones are still being noted`;
}

function Files() {
  const list = listOf(usePages('/api/exports', ExportPage, ''));
  const { rows } = list;
  const failing = rows?.find(({ state, error }) => state === 'waiting' && error !== null);
  return (
    <Card title="Files" note={failing === undefined ? 'The newest first' : <NotTaken file={failing} />} flush>
      <ListBody what="files" {...list} empty={<Empty title="No file was made yet" />}>
        {(files) => <Table caption="Exported files" columns={COLUMNS} rows={files} id={({ id }) => id} />}
      </ListBody>
    </Card>
  );
}

/** One file goes up at a time: what keeps it keeps all that come after. */
function NotTaken({ file: { error, attempts, next_attempt_at } }: { file: ExportFile }) {
  return (
    <span className={styles.bad} role="status">
      The newest is not taken: <Foreign most={120}>{error ?? ''}</Foreign>, after {countExact(attempts)}{' '}
      {attempts === 1 ? 'attempt' : 'attempts'}
      {next_attempt_at !== null && (
        <>
          ; next <Time at={next_attempt_at} />
        </>
      )}
    </span>
  );
}

const COLUMNS: Column<ExportFile>[] = [
  { key: 'made', head: 'Made', cell: ({ made_at }) => <Time at={made_at} /> },
  {
    key: 'name',
    head: 'File',
    wide: true,
    cell: ({ name }) => <Foreign>{name.slice(name.lastIndexOf('/') + 1)}</Foreign>,
    title: ({ bucket, name }) => (bucket === null ? name : `${bucket}: ${name}`),
  },
  {
    key: 'state',
    head: 'State',
    cell: ({ state, error }) =>
      state === 'uploaded' ? (
        <Badge tone="good">uploaded</Badge>
      ) : (
        <Badge tone={error === null ? 'accent' : 'bad'}>{error === null ? 'waiting' : 'fails'}</Badge>
      ),
  },
  {
    key: 'records',
    head: 'Records',
    figure: true,
    cell: ({ records }) => countExact(records),
    title: ({ first_number, last_number }) => `${countExact(first_number)} to ${countExact(last_number)}`,
  },
  { key: 'bytes', head: 'Size', figure: true, minor: true, cell: ({ bytes: size }) => bytes(size) },
  {
    key: 'uploaded',
    head: 'Uploaded',
    minor: true,
    cell: ({ uploaded_at }) =>
      uploaded_at === null ? <span className={styles.none}>–</span> : <Time at={uploaded_at} />,
  },
];
