import { cachedTokens, inputTokens, outputTokens } from '../../api/shapes.ts';
import { Stat, Stats } from '../../design/card.tsx';
import { count, countExact, duration, money, moneyExact, percent } from '../../design/format.ts';
import type { SessionRow, Turn } from './shapes.ts';
import { busyMs } from './turns.ts';

interface SessionFiguresProps {
  session: SessionRow;
  turns: readonly Turn[];
  truncated: boolean;
}

/** All of a session, and what the sums lack. */
export function SessionFigures({ session, turns, truncated }: SessionFiguresProps) {
  const { requests, errors, tool_calls: calls, usage } = session;
  const [put, cached, out] = [inputTokens(usage), cachedTokens(usage), outputTokens(usage)];
  const busy = busyMs(turns);
  return (
    <Stats>
      <Stat
        name="requests"
        label="Requests"
        value={count(requests)}
        exact={countExact(requests)}
        note={errors === 0 ? 'no errors' : `${countExact(errors)} with an error`}
      />
      <Stat
        name="cost"
        label="Cost"
        value={money(session.cost_nanodollars)}
        exact={moneyExact(session.cost_nanodollars)}
        note={lacking(session.cost_unknown, 'of unknown cost')}
      />
      <Stat
        name="in"
        label="Tokens in"
        value={count(put)}
        exact={countExact(put)}
        note={put === 0 ? undefined : `${percent(cached / put)} from the cache`}
      />
      <Stat
        name="out"
        label="Tokens out"
        value={count(out)}
        exact={countExact(out)}
        note={lacking(session.usage_absent, 'told no usage')}
      />
      <Stat name="tools" label="Tool calls" value={count(calls)} exact={countExact(calls)} />
      <Stat
        name="busy"
        label="Waited for models"
        value={duration(busy)}
        note={truncated ? `in the last ${countExact(turns.length)} requests` : undefined}
      />
    </Stats>
  );
}

function lacking(requests: number, what: string): string | undefined {
  return requests === 0 ? undefined : `${countExact(requests)} ${requests === 1 ? 'request' : 'requests'} ${what}`;
}
