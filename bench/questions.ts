import type { Question } from './question.ts';
import { cpu } from './questions/cpu.ts';

/** All that `npm run bench` asks, in this order. */
export const QUESTIONS: readonly Question[] = [cpu];
