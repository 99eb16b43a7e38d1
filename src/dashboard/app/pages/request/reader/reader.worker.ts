import { work } from './jobs.ts';
import type { Ask, Told } from './jobs.ts';

/* The worker's root: a message in, a message out. */

self.addEventListener('message', ({ data }: MessageEvent<Ask>) => {
  work(data).then(
    (answered) => tell({ id: data.id, ...answered }),
    (error: unknown) => tell({ id: data.id, problem: error instanceof Error ? error.message : String(error) }),
  );
});

function tell(told: Told): void {
  self.postMessage(told);
}
