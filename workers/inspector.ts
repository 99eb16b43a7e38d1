import { join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import type { FromInspector, ToInspector } from '../src/contract/messages.ts';
import { Inspector } from '../src/inspect/inspector.ts';
import { Outbox, bytesFromInspector } from '../src/inspect/link.ts';
import { packageRoot } from '../src/lib/package-root.ts';
import { nameThread } from '../src/lib/thread-name.ts';
import { loadPriceTable } from '../src/pricing/table.ts';

/** Root of an inspector thread: one long-lived piscina task, over when its port closes. */
export default function inspect({ port }: { port: MessagePort }): Promise<void> {
  nameThread('inspector');
  const outbox = new Outbox<FromInspector>(port, bytesFromInspector);
  const inspector = new Inspector(loadPriceTable(join(packageRoot(), 'config', 'prices.json')), (message) => {
    outbox.post(message);
  });
  return new Promise((resolve) => {
    port.on('message', (messages: ToInspector[]) => {
      for (const message of messages) inspector.take(message);
    });
    port.on('close', resolve);
    outbox.post({ kind: 'ready' });
  });
}
