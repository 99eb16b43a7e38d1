import { Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { UsageReport } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { BarList } from '../../design/bar-list.tsx';
import { Card, Columns } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { count, countExact, duration } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Answer, Empty } from '../../design/states.tsx';
import { TimeChart } from '../../design/time-chart.tsx';
import { plainName } from '../../usage/names.ts';
import { costShown, nameIn, usagePath } from '../../usage/usage.ts';
import styles from './activity.module.css';
import type { View } from './activity.tsx';
import { ActivityReport, activityPath } from './report.ts';
import type { Subject } from './search.ts';
import { ownLines } from './series.ts';

const MOST = 10;

/** One model or agent: its times, who uses it, and through or with what. */
export function Closer({ view, name }: { view: View; name: string }) {
  const { by, isAdmin } = view;
  const other: Subject = by === 'model' ? 'agent' : 'model';
  return (
    <>
      <OwnTimes view={view} name={name} />
      <Columns least="24rem">
        {isAdmin && <Users view={view} name={name} group="login" title="Who uses it" />}
        <Users
          view={view}
          name={name}
          group={other}
          title={other === 'agent' ? 'Through which agents' : 'Which models'}
        />
      </Columns>
    </>
  );
}

function OwnTimes({ view, name }: { view: View; name: string }) {
  const { by, range, times, search } = view;
  const [timed, choose] = useState<'first_byte' | 'whole'>('first_byte');
  const path = activityPath(range, by, { interval: 'day', [by]: name });
  const report = useApi(path, ActivityReport, { keep: true });
  const items = report.data?.items;
  const series = useMemo(() => ownLines(times, items ?? [], timed), [times, items, timed]);
  const found = { range: search.range, from: search.from, to: search.to };
  return (
    <Card
      title={
        <>
          How fast <Foreign most={60}>{name}</Foreign> answers
        </>
      }
      note={
        timed === 'first_byte'
          ? 'Until the first byte of a stream, which has its first token'
          : 'Until the answer was whole, however long it is'
      }
      actions={
        <>
          <Choice
            label="Time"
            options={[
              { value: 'first_byte', name: 'First byte' },
              { value: 'whole', name: 'Whole answer' },
            ]}
            chosen={timed}
            onChoose={choose}
          />
          <Link to="/requests" search={{ ...found, range: found.range ?? '30d', [by]: name }}>
            Requests
          </Link>
        </>
      }
    >
      <Answer
        of={report}
        lines={8}
        empty={{
          when: ({ total }) => total[timed] === null,
          say: <Empty title="Nothing was timed">No answer of this time came whole.</Empty>,
        }}
      >
        {() => (
          <TimeChart
            key={timed}
            label={`How fast ${plainName(name, by)} answers`}
            times={times}
            series={series}
            interval="day"
            kind="lines"
            format={duration}
            height={220}
          />
        )}
      </Answer>
    </Card>
  );
}

interface UsersProps {
  view: View;
  name: string;
  group: 'login' | Subject;
  title: string;
}

/** By requests, beside what they cost. */
function Users({ view: { by, range }, name, group, title }: UsersProps) {
  const report = useApi(usagePath({ [by]: name }, range, { group }), UsageReport, { keep: true });
  return (
    <Card title={title} note="By requests, beside what they cost">
      <Answer
        of={report}
        lines={8}
        empty={{ when: ({ items }) => items.length === 0, say: <Empty title="Nobody, in this time" /> }}
      >
        {({ items, total }) => (
          <>
            <BarList
              label={title}
              total={total.requests}
              bars={items
                .toSorted((left, right) => right.requests - left.requests)
                .slice(0, MOST)
                .map((item) => ({
                  id: nameIn(item, group),
                  name: <Foreign>{plainName(nameIn(item, group), group)}</Foreign>,
                  value: item.requests,
                  shown: count(item.requests),
                  exact: countExact(item.requests),
                  note: costShown(item),
                }))}
            />
            {items.length > MOST && <p className={styles.more}>and {countExact(items.length - MOST)} more</p>}
          </>
        )}
      </Answer>
    </Card>
  );
}
