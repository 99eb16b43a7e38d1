import { goFirst } from '../load/priority.ts';
import { answering, built, ended, freePort, startNode } from '../targets.ts';
import type { Target } from '../targets.ts';

/** The plain provider (bench/load/plain-provider.ts): large prompts hold it up no longer than their bytes take, and no other process does. */
export async function startPlainProvider(): Promise<Target> {
  const port = await freePort();
  const child = startNode([built('bench', 'programs', 'plain-provider.js'), String(port)]);
  await answering(port, '/');
  goFirst(child.pid ?? 0);
  return { name: 'plain provider', port, pids: [child.pid ?? 0], stop: () => ended(child, 'SIGKILL') };
}
