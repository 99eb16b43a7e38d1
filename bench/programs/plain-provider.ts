import { listenPlain } from '../load/plain-provider.ts';

/** The plain provider in a process of its own. Arguments: the port. */
const [port = ''] = process.argv.slice(2);
await listenPlain(Number(port));
