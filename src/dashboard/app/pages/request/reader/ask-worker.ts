import address from './reader.worker.ts?worker&url';
import type { JobName, Jobs, Told } from './jobs.ts';

/** The pages' policy lets nobody start a script without naming what they trust: this one file, by this one name. */
const policy = globalThis.trustedTypes?.createPolicy('aperture-worker', { createScriptURL: onlyOurs });

let worker: Worker | undefined;
const waiting = new Map<number, (told: Told) => void>();
let asked = 0;

const LOST = 'Reading it failed. Load the page anew.';

/** Has a job done aside of the page. Rejects with words for people. */
export function askWorker<Name extends JobName>(name: Name, ask: Jobs[Name]['ask']): Promise<Jobs[Name]['answer']> {
  const to = (worker ??= started());
  asked += 1;
  const id = asked;
  return new Promise((resolve, reject) => {
    waiting.set(id, (told) => {
      const answer = told[name];
      if (answer === undefined) reject(new Error(told.problem ?? LOST));
      else resolve(answer);
    });
    to.postMessage({ id, name, ask });
  });
}

function started(): Worker {
  const made = new Worker(trusted(address), { type: 'module' });
  made.addEventListener('message', ({ data }: MessageEvent<Told>) => settle(data));
  made.addEventListener('error', () => {
    // Out of memory, or its file is gone with an older build: the next question starts another.
    made.terminate();
    if (worker === made) worker = undefined;
    for (const id of waiting.keys()) settle({ id, problem: LOST });
  });
  return made;
}

function settle(told: Told): void {
  waiting.get(told.id)?.(told);
  waiting.delete(told.id);
}

function trusted(url: string): string {
  return policy?.createScriptURL(url) ?? url;
}

function onlyOurs(url: string): string {
  if (url !== address) throw new TypeError('a script that is none of ours');
  return url;
}
