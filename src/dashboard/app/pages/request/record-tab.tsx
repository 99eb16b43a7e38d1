import type { ReactNode } from 'react';
import { Badge } from '../../design/badge.tsx';
import type { Tone } from '../../design/badge.tsx';
import { Card } from '../../design/card.tsx';
import { bytes, countExact, money, moneyExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { CodeBlock, Time } from '../../design/texts.tsx';
import { FileButton } from './file-button.tsx';
import type { RequestRecord, Verdict } from './record.ts';
import styles from './record-tab.module.css';
import { msOf } from './timing.ts';

/** All that the books say. */
export function RecordTab({ record }: { record: RequestRecord }) {
  return (
    <>
      <Attempts record={record} />
      {record.verdicts.length > 0 && <Verdicts record={record} />}
      {record.edits.length > 0 && <Edits record={record} />}
      {record.quota_charges.length > 0 && <Charges record={record} />}
      <Proof record={record} />
      <Card title="The whole record" note="As GET /api/requests/{id} answers it, without what was captured">
        <CodeBlock label="The whole record" text={JSON.stringify({ ...record, capture: undefined }, null, 2)} />
      </Card>
    </>
  );
}

/** Rows that have no name of their own go by their place. */
interface Placed<T> {
  at: number;
  of: T;
}
const placed = <T,>(all: readonly T[]): Placed<T>[] => all.map((of, at) => ({ at, of }));
const place = <T,>({ at }: Placed<T>): string => String(at);

function Attempts({ record }: { record: RequestRecord }) {
  const zero = msOf(record.received_at);
  type Row = Placed<RequestRecord['attempts'][number]>;
  const columns: Column<Row>[] = [
    { key: 'number', head: 'Attempt', cell: ({ at }) => at + 1 },
    { key: 'provider', head: 'Provider', cell: ({ of }) => <Foreign>{of.provider}</Foreign> },
    { key: 'outcome', head: 'Outcome', wide: true, cell: ({ of }) => <Foreign most={120}>{of.outcome}</Foreign> },
    {
      key: 'after',
      head: 'Sent after',
      figure: true,
      cell: ({ of }) => `${Math.max(0, of.started_at_ms - zero).toFixed(1)} ms`,
    },
  ];
  return (
    <Card flush title="Attempts" {...(record.attempts.length === 0 ? { note: 'None: no provider was asked.' } : {})}>
      {record.attempts.length === 0 ? (
        <div className={styles.nothing} />
      ) : (
        <Table caption="What each attempt came to" columns={columns} rows={placed(record.attempts)} id={place} />
      )}
    </Card>
  );
}

const ACTION_TONES: Record<string, Tone> = {
  allow: 'good',
  block: 'bad',
  error: 'bad',
  flag: 'warn',
  modify: 'warn',
  redact: 'warn',
  tokenise: 'warn',
};

function Verdicts({ record }: { record: RequestRecord }) {
  const columns: Column<Placed<Verdict>>[] = [
    { key: 'rule', head: 'Rule', cell: ({ of }) => <Foreign most={80}>{of.rule}</Foreign> },
    { key: 'side', head: 'On', cell: ({ of }) => of.side },
    {
      key: 'action',
      head: 'Verdict',
      cell: ({ of }) => (
        <>
          <Badge tone={of.shadow ? 'neutral' : (ACTION_TONES[of.action] ?? 'neutral')}>{of.action}</Badge>
          {of.shadow && <small className={styles.shadow}>only noted</small>}
        </>
      ),
    },
    { key: 'found', head: 'Found', wide: true, cell: ({ of }) => <Finds verdict={of} /> },
    {
      key: 'read',
      head: 'Characters read',
      figure: true,
      minor: true,
      cell: ({ of }) => (of.scanned_chars === null ? '–' : countExact(of.scanned_chars)),
    },
    { key: 'took', head: 'Took', figure: true, cell: ({ of }) => `${of.took_ms.toFixed(1)} ms` },
  ];
  return (
    <Card flush title="Verdicts" note="Of the guardrails, in their order">
      <Table caption="What each rule said" columns={columns} rows={placed(record.verdicts)} id={place} />
    </Card>
  );
}

/** How many of each kind: never what was found. */
function Finds({ verdict: { counts, error } }: { verdict: Verdict }) {
  const kinds = Object.entries(counts);
  if (error !== null) return <Foreign most={200}>{error}</Foreign>;
  if (kinds.length === 0) return <span className={styles.quiet}>nothing</span>;
  return <Foreign most={300}>{kinds.map(([kind, number]) => `${kind} × ${countExact(number)}`).join(', ')}</Foreign>;
}

function Edits({ record }: { record: RequestRecord }) {
  type Row = Placed<RequestRecord['edits'][number]>;
  const columns: Column<Row>[] = [
    { key: 'kind', head: 'Edit', cell: ({ of }) => of.kind.replaceAll('_', ' ') },
    { key: 'side', head: 'Of', cell: ({ of }) => of.side },
    { key: 'detail', head: 'What', wide: true, cell: ({ of }) => <Foreign most={300}>{of.detail}</Foreign> },
  ];
  return (
    <Card flush title="Edits" note="What the gateway changed on the way">
      <Table caption="What was changed" columns={columns} rows={placed(record.edits)} id={place} />
    </Card>
  );
}

function Charges({ record }: { record: RequestRecord }) {
  type Row = RequestRecord['quota_charges'][number];
  const columns: Column<Row>[] = [
    { key: 'bucket', head: 'Bucket', wide: true, cell: ({ bucket }) => <Foreign>{bucket}</Foreign> },
    {
      key: 'charged',
      head: 'Charged',
      figure: true,
      cell: ({ nanodollars }) => money(BigInt(Math.trunc(nanodollars))),
      title: ({ nanodollars }) => moneyExact(BigInt(Math.trunc(nanodollars))),
    },
  ];
  return (
    <Card flush title="Quotas" note="What it was charged in each bucket">
      <Table caption="What was charged" columns={columns} rows={record.quota_charges} id={({ bucket }) => bucket} />
    </Card>
  );
}

function Proof({ record }: { record: RequestRecord }) {
  const receipt = `/api/requests/${encodeURIComponent(record.id)}/receipt`;
  return (
    <Card
      title="Proof"
      note="A receipt has the hashes of what passed and all that was changed, signed by the gateway"
      actions={
        <FileButton path={receipt} name={`receipt-${record.id}.json`}>
          Receipt
        </FileButton>
      }
    >
      <dl className={styles.proof}>
        <Line name="Request sent, SHA-256">
          <Hash of={record.request_sha256} bytes={record.request_bytes} />
        </Line>
        <Line name="Response kept, SHA-256">
          <Hash of={record.response_sha256} bytes={record.response_bytes} />
        </Line>
        <Line name="Id of the request">
          <code>{record.id}</code>
        </Line>
        {record.provider_request_id !== null && (
          <Line name="The provider’s id">
            <code>
              <Foreign>{record.provider_request_id}</Foreign>
            </code>
          </Line>
        )}
        {record.response_id !== null && (
          <Line name="Id of the response">
            <code>
              <Foreign>{record.response_id}</Foreign>
            </code>
          </Line>
        )}
        <Line name="Grants">
          {record.grant_ids.length === 0 ? 'none' : <Foreign most={500}>{record.grant_ids.join(', ')}</Foreign>}
        </Line>
        <Line name="Config">
          <code>
            <Foreign>{record.config_version}</Foreign>
          </code>
        </Line>
        <Line name="Received">
          <Time at={record.received_at} /> <code className={styles.quiet}>{record.received_at}</code>
        </Line>
      </dl>
    </Card>
  );
}

function Line({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={styles.line}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Hash({ of, bytes: size }: { of: string | null; bytes: number }) {
  if (of === null) return <span className={styles.quiet}>nothing</span>;
  return (
    <>
      {bytes(size)} <code className={styles.hash}>{of}</code>
    </>
  );
}
