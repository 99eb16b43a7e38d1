import { rmSync } from 'node:fs';
import { temporaryFolder } from './postgres.ts';

/** Once for a run: a place for what test files share (`postgres-template.ts`); removed when all have ended. */
export default function setup(): () => void {
  const folder = temporaryFolder('template');
  process.env['APERTURE_TEST_POSTGRES'] = folder;
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
}
