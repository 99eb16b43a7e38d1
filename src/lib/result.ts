/** The outcome of something that can fail as part of its job. Crosses threads, jobs and rooms; `throw` means a bug. */
export type Result<T, E> = { ok: true; value: T } | { ok: false; fault: E };

export function ok<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}

export function failed<E>(fault: E): { ok: false; fault: E } {
  return { ok: false, fault };
}

/** The end of an exhaustive `switch`: a new kind of union member fails to compile at the call. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** A condition that only a bug of ours can break. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}`);
}
