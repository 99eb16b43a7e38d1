import { join } from 'node:path';
import { packageRoot } from '../lib/package-root.ts';

/** The built file of a root in `workers/`, which a thread is started from. */
export function builtFile(root: string): string {
  return join(packageRoot(), 'dist', 'workers', `${root}.js`);
}
