import type { DayOf } from './days.ts';
import type { RequestRow } from './shapes.ts';

/** Rows of requests, as a table and as cards. */
export interface RequestRowsProps {
  days: readonly DayOf<RequestRow>[];
  marked: ReadonlySet<string>;
  showUser: boolean;
  inTabOrder: string | undefined;
}

export interface RequestRowProps {
  row: RequestRow;
  showUser: boolean;
  isMarked: boolean;
  isInTabOrder: boolean;
}
