import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useApi } from '../../api/use-api.ts';
import { Card, PageHead, Stat, Stats } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { FilterBar } from '../../design/filter-bar.tsx';
import { bytes, count, countExact, percent } from '../../design/format.ts';
import { Foreign, plainText } from '../../design/hostile.tsx';
import { Picker } from '../../design/picker.tsx';
import { RangePicker } from '../../design/range.tsx';
import { rangeOf } from '../../design/time-range.ts';
import type { Range } from '../../design/time-range.ts';
import { Answer, Empty } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { useMe } from '../../shell/me.tsx';
import { nameOf, ToolReport, toolsPath, totalOf } from './report.ts';
import type { ToolCounts } from './report.ts';
import { TOOL_GROUPS } from './search.ts';
import type { ToolGroup, ToolsSearch } from './search.ts';

const USUALLY = '7d';
const GROUP_NAMES: Record<ToolGroup, string> = { name: 'Tool', agent: 'Agent', model: 'Model', login: 'User' };
const NO_FILTERS = { name: undefined, agent: undefined, model: undefined, login: undefined } satisfies ToolsSearch;

interface View {
  search: ToolsSearch;
  range: Range;
  by: ToolGroup;
  groups: readonly ToolGroup[];
  change: (patch: Partial<ToolsSearch>) => void;
}

/** Which tools do agents call, and how often does it go wrong? */
export function Tools() {
  const isAdmin = useMe().role === 'admin';
  const search = useSearch({ from: '/tools' });
  const navigate = useNavigate({ from: '/tools' });
  const change = (patch: Partial<ToolsSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...patch }), resetScroll: false });
  const groups = isAdmin ? TOOL_GROUPS : TOOL_GROUPS.filter((group) => group !== 'login');
  const by = groups.find((group) => group === search.by) ?? 'name';
  const view: View = { search, range: rangeOf(search, USUALLY), by, groups, change };
  const report = useApi(toolsPath(search, view.range, by), ToolReport, { keep: true });
  return (
    <>
      <PageHead
        title="Tools"
        note={`Which tools ${isAdmin ? 'agents' : 'your agents'} call, and what comes back`}
        actions={<RangePicker search={search} otherwise={USUALLY} onChange={change} />}
      />
      <ToolFilters view={view} />
      <Answer
        of={report}
        lines={12}
        empty={{
          when: ({ items }) => items.length === 0,
          say: <Empty title="No tool was called">Calls are told by agents’ requests, as soon as there are some.</Empty>,
        }}
      >
        {(data) => <Counted report={data} view={view} />}
      </Answer>
    </>
  );
}

function ToolFilters({ view: { search, range, groups, change } }: { view: View }) {
  const isNarrowed = groups.some((group) => search[group] !== undefined);
  return (
    <FilterBar onClear={isNarrowed ? () => change(NO_FILTERS) : undefined}>
      {groups.map((group) => (
        <ToolFilter key={group} group={group} search={search} range={range} change={change} />
      ))}
    </FilterBar>
  );
}

/** Of what there was under the other filters. */
function ToolFilter({
  group,
  search,
  range,
  change,
}: Pick<View, 'search' | 'range' | 'change'> & { group: ToolGroup }) {
  const report = useApi(toolsPath({ ...search, [group]: undefined }, range, group), ToolReport, { keep: true });
  const names = (report.data?.items ?? []).map((item) => ({ value: nameOf(item, group), calls: item.calls }));
  return (
    <Picker
      label={GROUP_NAMES[group]}
      options={names
        .filter(({ value }) => value !== '')
        .map(({ value, calls }) => ({ value, name: plainText(value), note: count(calls) }))}
      picked={search[group]}
      loading={report.isLoading}
      onPick={(value) => change({ [group]: value })}
    />
  );
}

function Counted({ report: { items, truncated }, view }: { report: ToolReport; view: View }) {
  const { by, groups, change } = view;
  const total = totalOf(items);
  return (
    <>
      <Stats>
        <Stat
          name="calls"
          label="Calls"
          value={count(total.calls)}
          exact={countExact(total.calls)}
          note={`by ${items.length} ${GROUP_NAMES[by].toLowerCase()}${items.length === 1 ? '' : 's'}`}
        />
        <Stat
          name="with_result"
          label="With a result"
          value={count(total.with_result)}
          exact={countExact(total.with_result)}
          note={`${share(total.with_result, total.calls)} of calls`}
        />
        <Stat
          name="errors"
          label="Errors"
          value={count(total.errors)}
          exact={countExact(total.errors)}
          note={`${share(total.errors, total.with_result)} of results`}
        />
        <Stat
          name="result_bytes"
          label="Results"
          value={bytes(total.result_bytes)}
          note={`${bytes(total.bytes)} of arguments`}
        />
      </Stats>
      <Card
        title={`By ${GROUP_NAMES[by].toLowerCase()}`}
        note={truncated ? 'The most frequent; there are more' : undefined}
        actions={
          <Choice
            label="By"
            options={groups.map((value) => ({ value, name: GROUP_NAMES[value] }))}
            chosen={by}
            onChoose={(value) => change({ by: value })}
          />
        }
        flush
      >
        <Table
          key={by}
          caption={`Calls of tools by ${GROUP_NAMES[by].toLowerCase()}`}
          columns={columnsOf(view)}
          rows={items}
          id={(item) => nameOf(item, by)}
          sortedBy="calls"
          most={50}
        />
      </Card>
    </>
  );
}

function share(part: number, whole: number): string {
  return whole === 0 ? '–' : percent(part / whole);
}

function columnsOf({ by, search, range }: View): Column<ToolCounts>[] {
  const figure = (key: string, head: string, of: (item: ToolCounts) => number, how = count) => ({
    key,
    head,
    figure: true,
    cell: (item: ToolCounts) => how(of(item)),
    title: (item: ToolCounts) => countExact(of(item)),
    sort: of,
  });
  return [
    {
      key: 'name',
      head: GROUP_NAMES[by],
      wide: true,
      cell: (item) => <Named by={by} name={nameOf(item, by)} search={search} range={range} />,
      sort: (item) => nameOf(item, by),
    },
    figure('calls', 'Calls', ({ calls }) => calls),
    figure('with_result', 'With a result', ({ with_result }) => with_result),
    figure('errors', 'Errors', ({ errors }) => errors),
    {
      key: 'error_share',
      head: 'Of results',
      figure: true,
      cell: ({ errors, with_result }) => share(errors, with_result),
      sort: ({ errors, with_result }) => (with_result === 0 ? -1 : errors / with_result),
    },
    figure('bytes', 'Arguments', ({ bytes: sent }) => sent, bytes),
    figure('result_bytes', 'Results', ({ result_bytes }) => result_bytes, bytes),
  ];
}

/** A tool leads to the requests in which it was called; what else calls are by, to its own tools. */
function Named({ by, name, search, range }: Pick<View, 'by' | 'search' | 'range'> & { name: string }) {
  if (name === '') return <span title="None was told">–</span>;
  if (by !== 'name') {
    return (
      <Link to="/tools" search={{ ...search, [by]: name, by: 'name' }} title="Tools of this alone">
        <Foreign>{name}</Foreign>
      </Link>
    );
  }
  const { agent, model, login } = search;
  return (
    <Link
      to="/requests"
      search={{ tool: name, agent, model, login, from: range.from, to: range.to }}
      title="Requests in which it was called"
    >
      <Foreign>{name}</Foreign>
    </Link>
  );
}
