import { Stat, Stats } from '../../design/card.tsx';
import { count, countExact, money, moneyExact, percent } from '../../design/format.ts';
import { stickiness } from './report.ts';
import type { AdoptionReport } from './report.ts';

export function AdoptionFigures({ report: { totals, days } }: { report: AdoptionReport }) {
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
        note={`${count(Math.max(0, ...days.map(({ active }) => active)))} on the busiest day`}
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
        note="active before as well"
      />
      <Stat
        name="stickiness"
        label="Stickiness"
        value={sticky === undefined ? '–' : percent(sticky)}
        note="of a month’s users on a usual day"
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
        value={money(cost)}
        exact={moneyExact(cost)}
        note={`${money(each(cost))} a user`}
      />
    </Stats>
  );
}
