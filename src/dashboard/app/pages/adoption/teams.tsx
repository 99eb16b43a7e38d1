import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Button } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { count, countExact, money, percent } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import type { RangeSearch } from '../../design/time-range.ts';
import { plainName } from '../../usage/names.ts';
import { matrixOf, shareOf } from './matrix.ts';
import type { Cell, MatrixRow } from './matrix.ts';
import type { Team, User } from './report.ts';
import styles from './teams.module.css';

const MOST_AGENTS = 10;
const ROWS_AT_FIRST = 15;

interface TeamsProps {
  teams: readonly Team[];
  /** There are more than these. */
  isCut: boolean;
  /** Undefined: not all are told. */
  users: readonly User[] | undefined;
  search: RangeSearch;
}

/** Teams by tool: how many of each group use an agent, the more the stronger its colour. */
export function Teams({ teams, isCut, users, search }: TeamsProps) {
  const [isWhole, showWhole] = useState(false);
  const { agents, rows } = matrixOf(teams, users);
  const columns = agents.slice(0, MOST_AGENTS);
  const shown = isWhole ? rows : rows.slice(0, ROWS_AT_FIRST);
  return (
    <Card
      title="Teams by tool"
      note={
        users === undefined
          ? 'Users of each group that use the agent'
          : 'Users of each group that use the agent, and their share of those active'
      }
      flush
    >
      <div className={styles.frame} role="region" aria-label="Users by group and agent" tabIndex={0}>
        <table className={styles.matrix}>
          <caption className="hidden">Users by group and agent</caption>
          <thead>
            <tr>
              <th scope="col">Group</th>
              {columns.map((agent) => (
                <th key={agent} scope="col" className={styles.agent} title={plainName(agent, 'agent')}>
                  {agent === '' ? plainName('', 'agent') : <Foreign>{agent}</Foreign>}
                </th>
              ))}
              <th scope="col" className={styles.size}>
                Active
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={row.group} data-row={row.group}>
                <th scope="row">
                  {row.group === '' ? plainName('', 'group') : <Foreign>{shortGroup(row.group)}</Foreign>}
                </th>
                {columns.map((agent) => (
                  <Square key={agent} row={row} agent={agent} cell={row.cells.get(agent)} search={search} />
                ))}
                <td className={styles.size} data-cell="users">
                  {row.users === undefined ? '–' : count(row.users)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {isCut && <p className={styles.more}>There are more groups and agents than these: the dearest are shown.</p>}
      {(shown.length < rows.length || columns.length < agents.length) && (
        <p className={styles.more}>
          {shown.length < rows.length && (
            <Button look="quiet" onClick={() => showWhole(true)}>
              Show all {countExact(rows.length)} groups
            </Button>
          )}
          {columns.length < agents.length && (
            <span>
              The {MOST_AGENTS} agents with the most users, of {countExact(agents.length)}
            </span>
          )}
        </p>
      )}
    </Card>
  );
}

interface SquareProps {
  row: MatrixRow;
  agent: string;
  cell: Cell | undefined;
  search: RangeSearch;
}

function Square({ row, agent, cell, search }: SquareProps) {
  if (cell === undefined) {
    return (
      <td className={styles.none} data-cell={agent}>
        <span aria-label="none">·</span>
      </td>
    );
  }
  const share = shareOf(row, cell);
  const { range, from, to } = search;
  const words = (
    <>
      <b>{count(cell.users)}</b>
      {share !== undefined && <span className={styles.share}>{percent(share)}</span>}
    </>
  );
  const title = `${countExact(cell.requests)} requests, ${money(cell.costNanodollars)}`;
  return (
    <td className={styles.cell} style={{ '--heat': share ?? 0.3 }} data-cell={agent} title={title}>
      {row.group === '' || agent === '' ? (
        words
      ) : (
        <Link to="/" search={{ member_of: row.group, agent, by: 'login', range, from, to }}>
          {words}
        </Link>
      )}
    </td>
  );
}

/** All of them are groups: the word before the name says nothing. */
function shortGroup(group: string): string {
  return group.startsWith('group:') ? group.slice('group:'.length) : group;
}
