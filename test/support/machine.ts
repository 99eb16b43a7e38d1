/** What `work` takes on the machine whose figures the tests quote, with nothing else to do. */
const USUAL_MS = 14;
const RUNS = 7;

const DOCUMENT = JSON.stringify(
  Array.from({ length: 2_000 }, (_, id) => ({ id, name: `name ${id}`, tags: ['a', 'b', String(id)] })),
);

/**
 * How many times slower this machine is now than the one whose figures the tests quote, and at least 1: another machine,
 * its neighbours, and the tests beside this one. A bound in milliseconds is multiplied by it.
 */
export function slowness(): number {
  const runs = Array.from({ length: RUNS }, () => {
    const beganMs = performance.now();
    work();
    return performance.now() - beganMs;
  }).sort((a, b) => a - b);
  return Math.max(1, (runs[Math.floor(RUNS / 2)] ?? USUAL_MS) / USUAL_MS);
}

function work(): void {
  for (let i = 0; i < 10; i++) JSON.stringify(JSON.parse(DOCUMENT));
}
