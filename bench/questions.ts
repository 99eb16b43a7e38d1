import type { Question } from './question.ts';
import { cpu } from './questions/cpu.ts';
import { latency } from './questions/latency.ts';
import { loopDelay } from './questions/loop-delay.ts';
import { memory } from './questions/memory.ts';
import { prompts } from './questions/prompts.ts';
import { rules } from './questions/rules.ts';
import { selfMeasure } from './questions/self-measure.ts';
import { soak } from './questions/soak.ts';
import { streams } from './questions/streams.ts';
import { throughput } from './questions/throughput.ts';
import { tls } from './questions/tls.ts';

/** All that `npm run bench` asks, in this order. */
export const QUESTIONS: readonly Question[] = [
  cpu,
  throughput,
  latency,
  streams,
  prompts,
  tls,
  memory,
  loopDelay,
  rules,
  selfMeasure,
  soak,
];
