/**
 * Legal hold: captures and tool use that must outlive their retention. What it covers is of this login, of this session
 * and of this time, as far as each is given; one of the first two always is.
 */
export interface Hold {
  id: string;
  login: string | null;
  session: string | null;
  /** When requests were accepted, milliseconds since the epoch: from inclusive, to exclusive; null: without an end. */
  fromMs: number | null;
  toMs: number | null;
  reason: string;
  by: string;
  createdAtMs: number;
  releasedAtMs: number | null;
  releasedBy: string | null;
}
