import type { TextBuiltin } from '../contract/guardrail.ts';
import type { TextDetector, TextMatch } from './detector.ts';

/** Stands in until the detectors are merged: takes every rule, and finds words as they are written, nothing else. */
export function textDetector(builtin: TextBuiltin): TextDetector {
  const words = builtin.kind === 'words' ? builtin.words : [];
  return {
    find: (text, from, atEnd) => ({
      matches: words.flatMap((word): TextMatch[] => {
        const start = text.indexOf(word, from);
        return start < 0 || !atEnd ? [] : [{ start, end: start + word.length, kind: 'word' }];
      }),
      settled: atEnd ? text.length : from,
    }),
  };
}
