import { UsageReport } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { Stat, Stats } from '../../design/card.tsx';
import { count, countExact, money, percent } from '../../design/format.ts';
import { costInFull, costShown, usagePath } from '../../usage/usage.ts';
import { stickiness } from './report.ts';
import type { AdoptionReport } from './report.ts';

interface FiguresProps {
  report: AdoptionReport;
  range: { from: string; to: string };
}

export function AdoptionFigures({ report: { totals, days }, range }: FiguresProps) {
  const usage = useApi(usagePath({}, range, { group: 'model' }), UsageReport, { keep: true });
  const unknown = usage.data?.total.cost_unknown ?? 0;
  const sticky = stickiness(days);
  const each = (whole: bigint): bigint => whole / BigInt(Math.max(1, totals.users));
  const cost = BigInt(totals.cost_nanodollars);
  return (
    <Stats>
      <Stat
        name="users"
        label="Active users"
        value={count(totals.users)}
        exact={countExact(totals.users)}
        note={`at most ${count(Math.max(0, ...days.map(({ active }) => active)))} a day`}
      />
      <Stat
        name="new"
        label="New"
        value={count(totals.new_users)}
        exact={countExact(totals.new_users)}
        note="never active before"
      />
      <Stat
        name="returning"
        label="Returning"
        value={count(totals.returning_users)}
        exact={countExact(totals.returning_users)}
        note="active before"
      />
      <Stat
        name="stickiness"
        label="Stickiness"
        value={sticky === undefined ? '–' : percent(sticky)}
        note="daily by monthly"
      />
      <Stat
        name="requests"
        label="Requests"
        value={count(totals.requests)}
        exact={countExact(totals.requests)}
        note={`${count(Number(each(BigInt(totals.requests))))} a user`}
      />
      <Stat
        name="tokens"
        label="Tokens"
        value={count(totals.tokens)}
        exact={countExact(totals.tokens)}
        note={`${count(Number(each(BigInt(totals.tokens))))} a user`}
      />
      <Stat
        name="cost"
        label="Cost"
        value={costShown({ cost_nanodollars: totals.cost_nanodollars, cost_unknown: unknown })}
        exact={costInFull({ cost_nanodollars: totals.cost_nanodollars, cost_unknown: unknown })}
        note={unknown > 0 ? `${count(unknown)} of unknown cost` : `${money(each(cost))} a user`}
      />
    </Stats>
  );
}
