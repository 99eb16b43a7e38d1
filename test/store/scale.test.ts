import { scaleSuite } from './scale-suite.ts';

scaleSuite({ records: 60_000, seed: 20_261_123, askTimes: 2, phaseMs: 2_000 });
