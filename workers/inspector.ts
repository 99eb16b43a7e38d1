import { join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { RuleKeys } from '../src/contract/guardrail.ts';
import type { FromInspector, ToInspector } from '../src/contract/messages.ts';
import { Inspector } from '../src/inspect/inspector.ts';
import { Outbox, bytesFromInspector, joinedCredit } from '../src/inspect/link.ts';
import { systemClock } from '../src/lib/clock.ts';
import { packageRoot } from '../src/lib/package-root.ts';
import { nameThread } from '../src/lib/thread-name.ts';
import { loadPriceTable } from '../src/pricing/table.ts';

/** Root of an inspector thread: one long-lived piscina task, over when its port closes. With keys, it runs rules. */
export default async function inspect({ port, ruleKeys }: { port: MessagePort; ruleKeys?: RuleKeys }): Promise<void> {
  nameThread(ruleKeys === undefined ? 'inspector' : 'rules');
  const outbox = new Outbox<FromInspector>(port, bytesFromInspector, joinedCredit);
  // Loaded where they run, and nowhere else: with all that hooks and patterns need.
  const rules = ruleKeys === undefined ? undefined : await import('./rules.ts');
  const inspector = new Inspector(
    loadPriceTable(join(packageRoot(), 'config', 'prices.json')),
    (message) => {
      if (isAwaited(message)) outbox.postNow(message);
      else outbox.post(message);
    },
    ruleKeys === undefined ? undefined : rules?.createRules(ruleKeys, systemClock),
  );
  return new Promise((resolve) => {
    port.on('message', (messages: ToInspector[]) => {
      for (const message of messages) inspector.take(message);
    });
    port.on('close', resolve);
    outbox.post({ kind: 'ready' });
  });
}

function isAwaited({ kind }: FromInspector): boolean {
  return kind === 'decided' || kind === 'release' || kind === 'refuse';
}
