import { useNavigate, useSearch } from '@tanstack/react-router';
import { Download } from 'lucide-react';
import { pathOf } from '../../api/client.ts';
import { UsageReport } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { DownloadLink } from '../../design/button.tsx';
import { PageHead } from '../../design/card.tsx';
import { RangePicker } from '../../design/range.tsx';
import { wholeDays } from '../../design/time-range.ts';
import type { Range } from '../../design/time-range.ts';
import { Failure } from '../../design/states.tsx';
import { useMe } from '../../shell/me.tsx';
import { reportPath, subjectOf, USUALLY } from './asked.ts';
import type { Subject } from './asked.ts';
import { Begin } from './begin.tsx';
import { Breakdown } from './breakdown.tsx';
import { Figures } from './figures.tsx';
import { UsageFilters } from './filters.tsx';
import styles from './overview.module.css';
import { OverTime } from './over-time.tsx';
import { Quotas } from './quotas.tsx';
import type { Dimension, Filters, Measure } from '../../usage/dimensions.ts';
import type { OverviewSearch } from './search.ts';
import { usagePath } from '../../usage/usage.ts';

/** What everything on the page is about. */
export interface View extends Subject {
  search: OverviewSearch;
  measure: Measure;
  isAdmin: boolean;
  change: (patch: Partial<OverviewSearch>) => void;
}

function useView(): View {
  const isAdmin = useMe().role === 'admin';
  const search = useSearch({ from: '/' });
  const navigate = useNavigate({ from: '/' });
  return {
    ...subjectOf(search, isAdmin),
    search,
    measure: search.measure ?? 'cost',
    isAdmin,
    change: (patch) => void navigate({ search: (old) => ({ ...old, ...patch }), resetScroll: false }),
  };
}

/** What is being used, by whom, and what does it cost? */
export function Overview() {
  const view = useView();
  const { search, filters, range, by, isAdmin, change } = view;
  const report = useApi(reportPath(view), UsageReport, { keep: true });
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
            {isAdmin && daysOf(range) <= FOCUS_DAYS ? (
              <DownloadLink
                href={pathOf(FOCUS_PATH, { ...wholeDays(range) })}
                icon={<Download size={15} aria-hidden />}
              >
                FOCUS
              </DownloadLink>
            ) : null}
          </>
        }
      />
      <UsageFilters view={view} />
      {report.data === undefined && report.error !== null ? (
        <Failure error={report.error} again={() => void report.refetch()} />
      ) : (
        <>
          {isNothing && !isNarrowed ? <Begin /> : <Figures view={view} report={report.data} />}
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

/** What was charged on these days, whatever the filters, for FinOps tools. The API refuses more days than that at once. */
const FOCUS_PATH = '/api/usage/focus.csv';
const FOCUS_DAYS = 92;
const DAY_MS = 86_400_000;

function daysOf(range: Range): number {
  const { from, to } = wholeDays(range);
  return (Date.parse(to) - Date.parse(from)) / DAY_MS;
}

/** A row for each day (of a short time, each hour) with who used which model, and by what the page is broken down. */
function csvPath(filters: Filters, range: Range, by: Dimension, isAdmin: boolean): string {
  const group = [...new Set([...(isAdmin ? ['login'] : []), 'model', by])];
  return usagePath(filters, range, { group, interval: range.interval, format: 'csv' });
}
