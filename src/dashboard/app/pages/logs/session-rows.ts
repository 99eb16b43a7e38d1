import type { DayOf } from './days.ts';
import type { SessionRow } from './shapes.ts';

/** Rows of sessions, as a table and as cards. */
export interface SessionRowsProps {
  days: readonly DayOf<SessionRow>[];
  showUser: boolean;
  inTabOrder: string | undefined;
}

export interface SessionRowProps {
  row: SessionRow;
  showUser: boolean;
  isInTabOrder: boolean;
}

/** Several callers may have a session of the same name. */
export const keyOf = ({ login, session_id: id }: SessionRow) => `${login} ${id}`;

/** An admin's link says whose it is. */
export const linkTo = (row: SessionRow, showUser: boolean) => ({
  to: '/sessions/$id' as const,
  params: { id: row.session_id },
  search: showUser ? { login: row.login } : {},
});
