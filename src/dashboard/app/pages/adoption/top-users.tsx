import { Link } from '@tanstack/react-router';
import { Card } from '../../design/card.tsx';
import { countExact, day, money, moneyExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import type { RangeSearch } from '../../design/time-range.ts';
import { countColumn, Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import type { User } from './report.ts';
import styles from './adoption.module.css';

const MOST_ROWS = 20;

interface TopUsersProps {
  users: readonly User[];
  isCut: boolean;
  search: RangeSearch;
}

export function TopUsers({ users, isCut, search }: TopUsersProps) {
  const note = isCut ? `The ${countExact(users.length)} who cost most` : 'A name leads to what they use';
  return (
    <Card title="Users" note={note} flush>
      <Table
        caption="Users and what they used"
        columns={columnsOf(search)}
        rows={users}
        id={({ login }) => login}
        sortedBy="cost"
        most={MOST_ROWS}
      />
    </Card>
  );
}

function columnsOf({ range, from, to }: RangeSearch): Column<User>[] {
  return [
    {
      key: 'login',
      head: 'User',
      wide: true,
      cell: ({ login }) => (
        <Link to="/" search={{ login, range, from, to }} className={styles.login}>
          <Foreign>{login}</Foreign>
        </Link>
      ),
      title: ({ login }) => login,
      sort: ({ login }) => login,
    },
    {
      key: 'cost',
      head: 'Cost',
      figure: true,
      cell: ({ cost_nanodollars }) => money(cost_nanodollars),
      title: ({ cost_nanodollars }) => moneyExact(cost_nanodollars),
      sort: ({ cost_nanodollars }) => BigInt(cost_nanodollars),
    },
    countColumn('requests', 'Requests'),
    countColumn('tokens', 'Tokens'),
    {
      key: 'days_active',
      head: 'Days active',
      figure: true,
      cell: ({ days_active }) => days_active,
      sort: ({ days_active }) => days_active,
    },
    {
      key: 'first_day',
      head: 'First seen',
      figure: true,
      cell: dayOf('first_day'),
      title: ({ first_day }) => first_day,
      sort: ({ first_day }) => first_day,
    },
    {
      key: 'last_day',
      head: 'Last seen',
      figure: true,
      cell: dayOf('last_day'),
      title: ({ last_day }) => last_day,
      sort: ({ last_day }) => last_day,
    },
    {
      key: 'groups',
      head: 'Groups',
      minor: true,
      cell: ({ groups }) => <span className={styles.groups}>{groups.map(shortName).join(', ')}</span>,
      title: ({ groups }) => groups.join(', '),
    },
  ];
}

function dayOf(which: 'first_day' | 'last_day') {
  return (user: User) => day(user[which]);
}

function shortName(group: string): string {
  return group.startsWith('group:') ? group.slice('group:'.length) : group;
}
