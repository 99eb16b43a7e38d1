import { Link } from '@tanstack/react-router';
import { UsageReport } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { BarList } from '../../design/bar-list.tsx';
import { Card } from '../../design/card.tsx';
import { count, countExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import type { RangeSearch } from '../../design/time-range.ts';
import { Answer, Empty } from '../../design/states.tsx';
import { plainName } from '../../usage/names.ts';
import { costShown, nameIn, usagePath } from '../../usage/usage.ts';

const MOST = 10;
const TITLES = { model: 'Models', agent: 'Agents' };

interface PopularityProps {
  group: 'model' | 'agent';
  range: { from: string; to: string };
  search: RangeSearch;
}

/** Of all requests that were not refused, how many went to each. */
export function Popularity({ group, range, search }: PopularityProps) {
  const report = useApi(usagePath({}, range, { group }), UsageReport, { keep: true });
  return (
    <Card title={TITLES[group]} note="By requests, beside what they cost">
      <Answer
        of={report}
        lines={8}
        empty={{ when: ({ items }) => items.length === 0, say: <Empty title="Nothing was asked" /> }}
      >
        {({ items, total }) => {
          const bars = items
            .map((item) => ({ ...item, passed: item.requests - item.refused }))
            .filter(({ passed }) => passed > 0)
            .sort((left, right) => right.passed - left.passed);
          return (
            <>
              <BarList
                label={`${TITLES[group]} by requests`}
                total={total.requests - total.refused}
                bars={bars.slice(0, MOST).map((item) => ({
                  id: nameIn(item, group),
                  name: <Name group={group} name={nameIn(item, group)} search={search} />,
                  value: item.passed,
                  shown: count(item.passed),
                  exact: countExact(item.passed),
                  note: costShown(item),
                }))}
              />
              {bars.length > MOST && <p>and {countExact(bars.length - MOST)} more</p>}
            </>
          );
        }}
      </Answer>
    </Card>
  );
}

function Name({ group, name, search }: { group: 'model' | 'agent'; name: string; search: RangeSearch }) {
  if (name === '') return plainName(name, group);
  const { range, from, to } = search;
  return (
    <Link to="/" search={{ [group]: name, range, from, to }}>
      <Foreign>{name}</Foreign>
    </Link>
  );
}
