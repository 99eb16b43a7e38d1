import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { Button } from '../../design/button.tsx';
import { Card, PageHead } from '../../design/card.tsx';
import { FilterBar } from '../../design/filter-bar.tsx';
import { countExact } from '../../design/format.ts';
import { Foreign, plainText } from '../../design/hostile.tsx';
import { Picker } from '../../design/picker.tsx';
import { RangePicker } from '../../design/range.tsx';
import { rangeOf } from '../../design/time-range.ts';
import { Empty, NoPermission } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { Time } from '../../design/texts.tsx';
import { AdminsOnly, useMe } from '../../shell/me.tsx';
import { ListBody } from '../../lists/list-body.tsx';
import { listOf, usePages } from '../../lists/use-pages.ts';
import { ACTION_NAMES, actionName, AUDIT_ACTIONS } from './actions.ts';
import { ChainState } from './chain-state.tsx';
import { AuditPage as Page, pairsOf } from './entries.ts';
import type { AuditItem } from './entries.ts';
import { EntryDialog } from './entry-dialog.tsx';
import type { AuditSearch } from './search.ts';
import { Target } from './target.tsx';
import styles from './audit.module.css';

const USUALLY = '30d';

/** Who did what, when? */
export function AuditPage() {
  const { role, read_audit } = useMe();
  const search = useSearch({ from: '/audit' });
  const navigate = useNavigate({ from: '/audit' });
  const change = (patch: Partial<AuditSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...patch }), resetScroll: false, replace: true });
  const isBarred = role === 'admin' && !read_audit;
  return (
    <>
      <PageHead
        title="Audit"
        note="Who did what, and when. What was said in requests is not in it"
        actions={<RangePicker search={search} otherwise={USUALLY} onChange={change} />}
      />
      <AdminsOnly>
        {isBarred ? (
          <NoPermission>A grant takes reading the audit log from you (read_audit).</NoPermission>
        ) : (
          <Log search={search} change={change} />
        )}
      </AdminsOnly>
    </>
  );
}

interface LogProps {
  search: AuditSearch;
  change: (patch: Partial<AuditSearch>) => void;
}

function Log({ search, change }: LogProps) {
  const [now] = useState(() => new Date());
  const question = useMemo(() => questionOf(search, now), [search, now]);
  const list = listOf(usePages('/api/audit', Page, question));
  const [shown, show] = useState<AuditItem | undefined>(undefined);
  const { rows } = list;
  return (
    <>
      <ChainState />
      <Filters search={search} change={change} rows={rows ?? []} />
      <Card flush>
        <p className={styles.bar}>{shownText(rows?.length, list.hasOlder)}</p>
        <ListBody
          what="the audit log"
          {...list}
          empty={<Empty title="Nobody did anything like that">Choose a longer time, or clear a filter.</Empty>}
        >
          {(items) => (
            <Table caption="The audit log" columns={columns(show)} rows={items} id={({ number }) => String(number)} />
          )}
        </ListBody>
      </Card>
      {shown !== undefined && <EntryDialog entry={shown} onClose={() => show(undefined)} />}
    </>
  );
}

/** Without an end, what comes while one looks belongs to it. */
function questionOf(search: AuditSearch, now: Date): string {
  const { action, by, target } = search;
  const { from, to } = rangeOf(search, USUALLY, now);
  const asked = { action, by, target, from, to: search.to === undefined ? undefined : to };
  return new URLSearchParams(
    Object.entries(asked).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  ).toString();
}

function shownText(rows: number | undefined, hasOlder: boolean): string {
  if (rows === undefined) return 'Newest first';
  return hasOlder
    ? `The newest ${countExact(rows)}`
    : `${rows === 0 ? 'None' : `All ${countExact(rows)}`}, newest first`;
}

const OURS = ['(gateway)', '(command line)'];

function Filters({ search, change, rows }: LogProps & { rows: readonly AuditItem[] }) {
  const { action, by, target } = search;
  const actors = [...new Set([...OURS, ...rows.map((row) => row.by)])].toSorted();
  const isNarrowed = action !== undefined || by !== undefined || target !== undefined;
  return (
    <FilterBar onClear={isNarrowed ? () => change({ action: undefined, by: undefined, target: undefined }) : undefined}>
      <Picker
        label="Who"
        options={actors.map((value) => ({ value, name: plainText(value) }))}
        picked={by}
        free
        onPick={(picked) => change({ by: picked })}
      />
      <Picker
        label="What"
        options={AUDIT_ACTIONS.map((value) => ({ value, name: ACTION_NAMES[value] }))}
        picked={action}
        onPick={(picked) => change({ action: AUDIT_ACTIONS.find((each) => each === picked) })}
      />
      <Picker
        label="To what"
        options={[...new Set(rows.map((row) => row.target).filter((each) => each !== ''))].map((value) => ({
          value,
          name: plainText(value),
        }))}
        picked={target}
        free
        onPick={(picked) => change({ target: picked })}
      />
    </FilterBar>
  );
}

function columns(show: (entry: AuditItem) => void): Column<AuditItem>[] {
  return [
    {
      key: 'number',
      head: 'Entry',
      figure: true,
      minor: true,
      cell: ({ number }) => <span className={styles.faint}>{countExact(number)}</span>,
    },
    { key: 'at', head: 'When', cell: ({ at }) => <Time at={at} /> },
    {
      key: 'by',
      head: 'Who',
      cell: ({ by }) => <Foreign>{by}</Foreign>,
      title: ({ node_id }) => (node_id === '' ? undefined : `Device ${node_id}`),
    },
    { key: 'action', head: 'What', cell: ({ action }) => actionName(action), title: ({ action }) => action },
    { key: 'target', head: 'To what', cell: (entry) => <Target entry={entry} /> },
    { key: 'details', head: 'Details', wide: true, minor: true, cell: ({ details }) => <Pairs of={details} /> },
    {
      key: 'show',
      head: '',
      cell: (entry) => (
        <Button look="quiet" aria-label={`Show entry ${entry.number}`} onClick={() => show(entry)}>
          Show
        </Button>
      ),
    },
  ];
}

const MOST_PAIRS = 5;

function Pairs({ of }: { of: unknown }) {
  return (
    <div className={styles.pairs}>
      {pairsOf(of)
        .slice(0, MOST_PAIRS)
        .map(([name, value]) => (
          <span key={name}>
            <i>{plainText(name)}</i>
            <Foreign most={120}>{value}</Foreign>
          </span>
        ))}
    </div>
  );
}
