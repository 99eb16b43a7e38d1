import { answering, built, ended, freePort, startNode, trusting, urlOf } from '../targets.ts';
import type { Target, Upstream } from '../targets.ts';

/** uWebSockets.js and undici with nothing between: what our choice of parts costs by itself. */
export async function startBare(upstream: Upstream): Promise<Target> {
  return startPassThrough('bare', upstream);
}

/** Node's own `http` on both sides: what most proxies written for Node are. */
export async function startNodeHttp(upstream: Upstream): Promise<Target> {
  return startPassThrough('node-http', upstream);
}

/** A program of bench/programs that takes a port and the upstream's URL. */
async function startPassThrough(name: string, upstream: Upstream): Promise<Target> {
  const port = await freePort();
  const args = [built('bench', 'programs', `${name}.js`), String(port), urlOf(upstream)];
  const child = startNode(args, trusting(upstream));
  await answering(port, '/v1/models');
  return { name, port, pids: [child.pid ?? 0], stop: () => ended(child, 'SIGKILL') };
}
