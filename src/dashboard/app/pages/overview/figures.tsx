import * as z from 'zod/mini';
import { pathOf } from '../../api/client.ts';
import { cachedTokens, inputTokens, outputTokens, pageOf, totalTokens } from '../../api/shapes.ts';
import type { UsageReport } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { Stat, Stats } from '../../design/card.tsx';
import { count, countExact, money, percent } from '../../design/format.ts';
import type { View } from './overview.tsx';
import { costInFull, costPerMillion, costShown } from '../../usage/usage.ts';

/** What is not there yet, as tall as what comes. */
const COMING = '…';
const NO_NOTE = '\u00a0';

interface FiguresProps {
  view: View;
  report: UsageReport | undefined;
}

/** The answer at one look: what it costs, how much it is, how many people, what went wrong. */
export function Figures({ view, report }: FiguresProps) {
  if (report === undefined) return <FiguresToCome />;
  const { total } = report;
  const { usage, errors } = total;
  const [input, output, cached] = [inputTokens(usage), outputTokens(usage), cachedTokens(usage)];
  const perMillion = costPerMillion(total);
  const lacking = total.usage_absent + total.usage_partial;
  return (
    <Stats>
      <Stat
        name="cost"
        label="Cost"
        value={costShown(total)}
        exact={costInFull(total)}
        note={
          total.cost_unknown > 0
            ? `${count(total.cost_unknown)} of unknown cost`
            : perMillion === undefined
              ? 'no tokens'
              : `${money(perMillion)} per million`
        }
      />
      <Stat
        name="requests"
        label="Requests"
        value={count(total.requests)}
        exact={countExact(total.requests)}
        note={lacking > 0 ? `${count(lacking)} lack usage` : 'all told their usage'}
      />
      <Stat
        name="input"
        label="Tokens in"
        value={count(input)}
        exact={countExact(input)}
        note={`of ${count(totalTokens(usage))} in and out`}
      />
      <Stat
        name="cached"
        label="From the cache"
        value={count(cached)}
        exact={countExact(cached)}
        note={input === 0 ? 'no tokens in' : `${percent(cached / input)} of tokens in`}
      />
      <Stat
        name="output"
        label="Tokens out"
        value={count(output)}
        exact={countExact(output)}
        note={`${count(usage['reasoning'] ?? 0)} reasoning`}
      />
      {view.isAdmin ? <Users report={report} /> : <OwnSessions view={view} />}
      <Stat
        name="errors"
        label="Errors"
        value={count(errors)}
        exact={countExact(errors)}
        note={`and ${count(total.refused)} refused`}
      />
    </Stats>
  );
}

/** Those with at least one request that was not refused. */
function Users({ report: { users = 0, total } }: { report: UsageReport }) {
  return (
    <Stat
      name="users"
      label="Active users"
      value={count(users)}
      exact={countExact(users)}
      note={users === 0 ? 'nobody' : `${count(Math.round(total.requests / users))} requests each`}
    />
  );
}

const SessionPage = pageOf(z.looseObject({ session_id: z.string() }));
const MOST_SESSIONS = 1000;

function OwnSessions({ view: { filters, range } }: { view: View }) {
  const { model, agent, provider, api, status } = filters;
  // Sessions are not told apart by these.
  const isAsked = provider === undefined && api === undefined && status === undefined;
  const { from, to } = range;
  const page = useApi(pathOf('/api/sessions', { from, to, model, agent, limit: MOST_SESSIONS }), SessionPage, {
    enabled: isAsked,
    keep: true,
  });
  if (!isAsked) return <Stat name="sessions" label="Sessions" value="–" note="not known for these filters" />;
  if (page.data === undefined) {
    return <Stat name="sessions" label="Sessions" value={comingOr(page.error)} note={NO_NOTE} />;
  }
  const isMore = page.data.next !== null;
  const number = page.data.items.length;
  return (
    <Stat
      name="sessions"
      label="Sessions"
      value={isMore ? `${countExact(number)}+` : count(number)}
      exact={isMore ? `More than ${countExact(number)}` : countExact(number)}
      note="begun in this time"
    />
  );
}

function comingOr(error: Error | null): string {
  return error === null ? COMING : '–';
}

function FiguresToCome() {
  const labels = ['Cost', 'Requests', 'Tokens in', 'From the cache', 'Tokens out', 'Users', 'Errors'];
  return (
    <div role="status" aria-label="Loading the figures">
      <Stats>
        {labels.map((label) => (
          <Stat key={label} label={label} value={COMING} note={NO_NOTE} />
        ))}
      </Stats>
    </div>
  );
}
