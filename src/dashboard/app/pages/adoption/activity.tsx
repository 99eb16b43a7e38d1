import { useMemo } from 'react';
import { Card } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { count } from '../../design/format.ts';
import { TimeChart } from '../../design/time-chart.tsx';
import type { Day } from './report.ts';
import { ACTIVE } from './search.ts';
import type { Active } from './search.ts';

const COUNTS: Record<Active, (day: Day) => number> = {
  day: ({ active }) => active,
  week: ({ active_7d }) => active_7d,
  month: ({ active_30d }) => active_30d,
  often: ({ four_of_seven }) => four_of_seven,
};
const NAMES: Record<Active, string> = { day: 'Day', week: 'Week', month: 'Month', often: '4 of 7' };
const NOTES: Record<Active, string> = {
  day: 'At least one request on the day',
  week: 'In the 7 days that end with it',
  month: 'In the 30 days that end with it',
  often: 'On 4 of the 7 days that end with it',
};

/** Both charts end at one line, though one has a legend above it. */
const HEIGHT = 220;
const LEGEND = 30;

interface ActiveUsersProps {
  days: readonly Day[];
  active: Active;
  onChoose: (active: Active) => void;
}

export function ActiveUsers({ days, active, onChoose }: ActiveUsersProps) {
  const times = useTimes(days);
  const series = useMemo(() => [{ name: 'Users', values: days.map(COUNTS[active]) }], [days, active]);
  return (
    <Card
      title="Active users"
      note={NOTES[active]}
      actions={
        <Choice
          label="Active in"
          options={ACTIVE.map((value) => ({ value, name: NAMES[value] }))}
          chosen={active}
          onChoose={onChoose}
        />
      }
    >
      <TimeChart
        label={`Active users. ${NOTES[active]}`}
        times={times}
        series={series}
        interval="day"
        format={wholeCount}
        height={LEGEND + HEIGHT}
      />
    </Card>
  );
}

export function NewAndReturning({ days }: { days: readonly Day[] }) {
  const times = useTimes(days);
  const series = useMemo(
    () => [
      { name: 'Returning', values: days.map(({ returning }) => returning) },
      { name: 'New', values: days.map((day) => day.new) },
    ],
    [days],
  );
  return (
    <Card title="New and returning" note="New: never active before that day">
      <TimeChart
        label="Users of each day, new and returning"
        times={times}
        series={series}
        interval="day"
        format={wholeCount}
        height={HEIGHT}
      />
    </Card>
  );
}

function useTimes(days: readonly Day[]): string[] {
  return useMemo(() => days.map(({ day }) => `${day}T00:00:00Z`), [days]);
}

/** Half a user is no mark on a scale. */
function wholeCount(value: number): string {
  return Number.isInteger(value) ? count(value) : '';
}
