import { Link } from '@tanstack/react-router';
import { Card } from '../../design/card.tsx';
import { count, duration } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { Time } from '../../design/texts.tsx';
import { inputTokens, outputTokens } from '../../api/shapes.ts';
import { Names, SumOfMoney, SumOfTokens } from './cells.tsx';
import { tookMs } from './days.ts';
import type { SessionRow } from './shapes.ts';

/** Sessions that name this one as the one that started them: sub-agents, mostly. */
export function SessionChildren({ rows, showUser }: { rows: readonly SessionRow[]; showUser: boolean }) {
  return (
    <Card title="Started from here" note="Sessions of sub-agents; their figures are their own" flush>
      <Table
        caption="Sessions that were started from this one"
        columns={columnsFor(showUser)}
        rows={rows}
        id={({ session_id }) => session_id}
      />
    </Card>
  );
}

function columnsFor(showUser: boolean): Column<SessionRow>[] {
  return [
    {
      key: 'session',
      head: 'Session',
      wide: true,
      cell: ({ session_id: id, login }) => (
        <Link to="/sessions/$id" params={{ id }} search={showUser ? { login } : {}}>
          <Foreign>{id}</Foreign>
        </Link>
      ),
    },
    { key: 'models', head: 'Models', minor: true, cell: ({ models }) => <Names names={models} none="no model" /> },
    { key: 'first', head: 'Began', minor: true, cell: ({ first_at: at }) => <Time at={at} /> },
    {
      key: 'lasted',
      head: 'Lasted',
      figure: true,
      minor: true,
      cell: ({ first_at, last_at }) => duration(tookMs(first_at, last_at)),
    },
    { key: 'requests', head: 'Requests', figure: true, cell: ({ requests }) => count(requests) },
    { key: 'in', head: 'In', figure: true, minor: true, cell: (row) => <SumOfTokens of={inputTokens} sums={row} /> },
    { key: 'out', head: 'Out', figure: true, minor: true, cell: (row) => <SumOfTokens of={outputTokens} sums={row} /> },
    { key: 'cost', head: 'Cost', figure: true, cell: (row) => <SumOfMoney sums={row} /> },
  ];
}
