import { scaleSuite } from './scale-suite.ts';

scaleSuite({ records: 200_000, seed: 20_261_123, askTimes: 1, phaseMs: 400, firstViewMs: 1_000, looks: 3 });
