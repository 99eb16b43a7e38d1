import type { TextBuiltin } from '../contract/guardrail.ts';
import type { TextDetector } from './detector.ts';

/** Stands here until the detectors are written. */
export function textDetector(builtin: TextBuiltin): TextDetector {
  throw new Error(`no detector of ${builtin.kind} yet`);
}
