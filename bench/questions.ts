import type { Question } from './question.ts';
import { cpu } from './questions/cpu.ts';
import { loopDelay } from './questions/loop-delay.ts';
import { memory } from './questions/memory.ts';
import { selfMeasure } from './questions/self-measure.ts';
import { soak } from './questions/soak.ts';

/** All that `npm run bench` asks, in this order. */
export const QUESTIONS: readonly Question[] = [cpu, memory, loopDelay, selfMeasure, soak];
