import { startSimulator } from '../../src/simulator/provider.ts';
import type { SimulatorOptions } from '../../src/simulator/provider.ts';

/** The simulator in a process of its own, with the options that its only argument has as JSON. */
const [options = '{}'] = process.argv.slice(2);
await startSimulator(JSON.parse(options) as SimulatorOptions);
