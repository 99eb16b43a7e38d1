import type { Team, User } from './report.ts';

export interface Cell {
  users: number;
  requests: number;
  costNanodollars: string;
}

export interface MatrixRow {
  group: string;
  /** How many of the group used anything; undefined where not all users are told. */
  users: number | undefined;
  cells: ReadonlyMap<string, Cell>;
}

export interface Matrix {
  /** The one that most people use first. */
  agents: string[];
  rows: MatrixRow[];
}

/** Who uses which tool: a row for each group, the largest first, and a column for each agent. */
export function matrixOf(teams: readonly Team[], users: readonly User[] | undefined): Matrix {
  const sizes = users === undefined ? undefined : groupSizes(users);
  const rows = new Map<string, Map<string, Cell>>();
  const reach = new Map<string, number>();
  for (const { group, agent, users: number, requests, cost_nanodollars } of teams) {
    const cells = rows.get(group) ?? new Map<string, Cell>();
    rows.set(group, cells);
    cells.set(agent, { users: number, requests, costNanodollars: cost_nanodollars });
    reach.set(agent, (reach.get(agent) ?? 0) + number);
  }
  return {
    agents: [...reach].sort(([one, a], [other, b]) => b - a || one.localeCompare(other)).map(([agent]) => agent),
    rows: [...rows]
      .map(([group, cells]) => ({ group, users: sizes?.get(group), cells }))
      .sort((one, other) => widest(other) - widest(one) || one.group.localeCompare(other.group)),
  };
}

function groupSizes(users: readonly User[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { groups } of users) {
    for (const group of groups.length === 0 ? [''] : groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  }
  return sizes;
}

function widest({ users, cells }: MatrixRow): number {
  return users ?? Math.max(0, ...[...cells.values()].map((cell) => cell.users));
}

/** Of the group's users, how many use the agent; undefined where it is not known how many there are. */
export function shareOf({ users }: MatrixRow, cell: Cell): number | undefined {
  // Somebody who changed groups is in the cells of both, and may be counted in fewer rows.
  return users === undefined || users === 0 ? undefined : Math.min(1, cell.users / users);
}
