import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../src/lib/package-root.ts';

export type Fault =
  | 'disk_slow'
  | 'disk_sick'
  | 'inspector_slow'
  | 'inspector_dies'
  | 'inspector_odd_kind'
  | 'inspector_no_outcome'
  | 'inspector_no_facts';

/** Faults inside of the real binary's threads, which nothing outside could bring about (test/support/thread-faults.mjs). */
export class Faults {
  readonly #file: string;
  /** For the gateway's environment. */
  readonly env: Record<string, string>;

  constructor(folder: string) {
    this.#file = join(folder, 'fault');
    const program = pathToFileURL(join(packageRoot(), 'test', 'support', 'thread-faults.mjs'));
    this.env = { APERTURE_TEST_FAULTS: this.#file, NODE_OPTIONS: `--import ${program.href}` };
  }

  begin(fault: Fault): void {
    writeFileSync(this.#file, fault);
  }

  end(): void {
    rmSync(this.#file, { force: true });
  }
}
