import { scaleSuite } from './scale-suite.ts';

/** About 18 GB on disk, and half an hour of loading on two busy cores. */
scaleSuite({
  records: Number(process.env['APERTURE_SCALE_RECORDS'] ?? 10_000_000),
  seed: Number(process.env['APERTURE_TEST_SEED'] ?? 20_261_123),
  askTimes: 3,
  phaseMs: 10_000,
  // Four questions at once on two cores, each within its second.
  firstViewMs: 4_000,
  looks: 5,
});
