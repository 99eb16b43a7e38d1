import { listenObserved } from '../load/observed-provider.ts';

/** The observed provider in a process of its own. Arguments: the port. */
const [port = ''] = process.argv.slice(2);
await listenObserved(Number(port));
