import { scaleSuite } from './scale-suite.ts';

/** About 23 GB on disk, and twenty to thirty minutes of loading by one connection. */
scaleSuite({
  records: Number(process.env['APERTURE_SCALE_RECORDS'] ?? 10_000_000),
  seed: Number(process.env['APERTURE_TEST_SEED'] ?? 20_261_123),
  askTimes: 3,
  phaseMs: 10_000,
  firstViewMs: 1_000,
  looks: 5,
});
