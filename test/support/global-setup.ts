import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryFolder } from './postgres.ts';

/** A bound, and no need: see docs/decisions/2026-11-29-ci-time.md for what was seen there. */
const MEMORY_BYTES = 6 * 1024 ** 3;
/** Beside it there are gateways, browsers and compilers. */
const FREE_BYTES = MEMORY_BYTES + 4 * 1024 ** 3;

/** Once for a run: a place for what test files share (`postgres-template.ts`); removed when all have ended. */
export default function setup(): () => void {
  // Each project asks for it, in the same process.
  if (process.env['APERTURE_TEST_POSTGRES'] !== undefined) return () => undefined;
  const unmount = mountMemory();
  const folder = temporaryFolder('template');
  process.env['APERTURE_TEST_POSTGRES'] = folder;
  return () => {
    rmSync(folder, { recursive: true, force: true });
    unmount();
  };
}

/**
 * Temporary files in memory: each megabyte that a test writes to a disk, to throw it away, costs a hundredth of a second of
 * processor there, and a cluster has fifty. Where it cannot be had (it takes root, and room), they are where they always are.
 */
function mountMemory(): () => void {
  // The long tests fill more than memory has.
  const isLong = process.env['APERTURE_TEST_LONG'] === '1';
  if (isLong || process.getuid?.() !== 0 || process.availableMemory() < FREE_BYTES) return () => undefined;
  // Short: addresses of sockets lie below it.
  const folder = mkdtempSync(join(tmpdir(), 'ap-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${MEMORY_BYTES},mode=1777`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
  } catch {
    rmdirSync(folder);
    return () => undefined;
  }
  process.env['TMPDIR'] = folder;
  return () => {
    execFileSync('umount', ['-l', folder]);
    rmdirSync(folder);
  };
}
