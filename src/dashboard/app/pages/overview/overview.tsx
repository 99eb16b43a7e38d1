import { useNavigate, useSearch } from '@tanstack/react-router';
import { Download } from 'lucide-react';
import { UsageReport } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { DownloadLink } from '../../design/button.tsx';
import { PageHead } from '../../design/card.tsx';
import { RangePicker, rangeOf } from '../../design/range.tsx';
import type { Range } from '../../design/range.tsx';
import { Failure } from '../../design/states.tsx';
import { useMe } from '../../shell/me.tsx';
import { Begin } from './begin.tsx';
import { Breakdown } from './breakdown.tsx';
import { Figures } from './figures.tsx';
import { UsageFilters } from './filters.tsx';
import styles from './overview.module.css';
import { OverTime } from './over-time.tsx';
import { Quotas } from './quotas.tsx';
import { OWN_DIMENSIONS } from './dimensions.ts';
import type { Dimension, Filters, Measure } from './dimensions.ts';
import { filtersOf } from './search.ts';
import type { OverviewSearch } from './search.ts';
import { usagePath } from './usage.ts';

const USUALLY = '30d';

/** What everything on the page is about. */
export interface View {
  search: OverviewSearch;
  filters: Filters;
  range: Range;
  by: Dimension;
  measure: Measure;
  isAdmin: boolean;
  change: (patch: Partial<OverviewSearch>) => void;
}

function useView(): View {
  const isAdmin = useMe().role === 'admin';
  const search = useSearch({ from: '/' });
  const navigate = useNavigate({ from: '/' });
  const by = search.by ?? 'model';
  return {
    search,
    filters: filtersOf(search),
    range: rangeOf(search, USUALLY),
    by: isAdmin || OWN_DIMENSIONS.includes(by) ? by : 'model',
    measure: search.measure ?? 'cost',
    isAdmin,
    change: (patch) => void navigate({ search: (old) => ({ ...old, ...patch }), resetScroll: false }),
  };
}

/** What is being used, by whom, and what does it cost? */
export function Overview() {
  const view = useView();
  const { search, filters, range, by, isAdmin, change } = view;
  const report = useApi(usagePath(filters, range, { group: by }), UsageReport, { keep: true });
  const byLogin = useApi(usagePath(filters, range, { group: 'login' }), UsageReport, { enabled: isAdmin, keep: true });
  const isNarrowed = Object.values(filters).some((value) => value !== undefined);
  const isNothing = report.data?.total.requests === 0;
  return (
    <>
      <PageHead
        title="Overview"
        note={isAdmin ? 'What is used, by whom, and what it costs' : 'What you use, and what it costs'}
        actions={
          <>
            <RangePicker search={search} otherwise={USUALLY} onChange={change} />
            <DownloadLink href={csvPath(filters, range, by, isAdmin)} icon={<Download size={15} aria-hidden />}>
              CSV
            </DownloadLink>
          </>
        }
      />
      <UsageFilters view={view} />
      {report.data === undefined && report.error !== null ? (
        <Failure error={report.error} again={() => void Promise.all([report.refetch(), byLogin.refetch()])} />
      ) : (
        <>
          {isNothing && !isNarrowed ? <Begin /> : <Figures view={view} total={report.data?.total} byLogin={byLogin} />}
          <div className={styles.beside}>
            {isNothing && !isNarrowed ? null : <OverTime view={view} />}
            <Quotas />
          </div>
          {isNothing ? null : <Breakdown view={view} />}
        </>
      )}
    </>
  );
}

/** A row for each day (of a short time, each hour) with who used which model, and by what the page is broken down. */
function csvPath(filters: Filters, range: Range, by: Dimension, isAdmin: boolean): string {
  const group = [...new Set([...(isAdmin ? ['login'] : []), 'model', by])];
  return usagePath(filters, range, { group, interval: range.interval, format: 'csv' });
}
