import { goFirst } from '../load/priority.ts';
import { answering, built, ended, freePort, startNode } from '../targets.ts';
import type { Target } from '../targets.ts';

/** The observed provider (bench/load/observed-provider.ts): large prompts hold it up no longer than their bytes take, and no other process does. */
export async function startObservedProvider(): Promise<Target> {
  const port = await freePort();
  const child = startNode([built('bench', 'programs', 'observed-provider.js'), String(port)]);
  await answering(port, '/');
  goFirst(child.pid ?? 0);
  return { name: 'observed provider', port, pids: [child.pid ?? 0], stop: () => ended(child, 'SIGKILL') };
}
