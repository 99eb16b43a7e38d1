/** One process-wide count of bytes in flight. Taking never blocks; who admits new work asks `full` first. */
export class ByteBudget {
  readonly limitBytes: number;
  usedBytes = 0;
  refused = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** False, and counted, when this much more would exceed the limit. */
  admits(bytes: number): boolean {
    if (this.usedBytes + bytes <= this.limitBytes) return true;
    this.refused += 1;
    return false;
  }

  take(bytes: number): void {
    this.usedBytes += bytes;
  }

  give(bytes: number): void {
    this.usedBytes -= bytes;
  }
}
