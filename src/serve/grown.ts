/** What a thread's counter grew by since it was heard last. A thread that was started again counts from zero. */
export function grown(now: number, before = 0): number {
  return now >= before ? now - before : now;
}
