import type { PersonalKind, TextBuiltin } from '../contract/guardrail.ts';
import type { TextDetector } from './detector.ts';
import { PatternDetector } from './rules/regex.ts';
import { Scanner } from './rules/scanner.ts';
import { Several } from './rules/several.ts';
import { WordList } from './rules/word-list.ts';

/** What a rule looks for, compiled. Throws, with a sentence for whoever wrote the rule, what cannot be. */
export function textDetector(builtin: TextBuiltin): TextDetector {
  switch (builtin.kind) {
    case 'personal_data':
      return personalData(builtin.detect, builtin.names);
    case 'secrets':
      return new Scanner(builtin.detect);
    case 'words':
      if (builtin.words.length === 0) throw new Error('without words nothing would be found');
      return new WordList(builtin.words, {
        kind: 'word',
        caseSensitive: builtin.caseSensitive,
        wholeWords: builtin.wholeWords,
      });
    case 'regex': {
      if (builtin.patterns.length === 0) throw new Error('without patterns nothing would be found');
      const [only, ...others] = builtin.patterns.map(
        ({ name, pattern }) => new PatternDetector(name, pattern, builtin.window),
      );
      return others.length === 0 && only !== undefined
        ? only
        : new Several(only === undefined ? [] : [only, ...others]);
    }
  }
}

function personalData(detect: readonly PersonalKind[], names: readonly string[]): TextDetector {
  const scanner = new Scanner(detect.filter((kind) => kind !== 'name'));
  if (!detect.includes('name') || names.length === 0) return scanner;
  return new Several([scanner, new WordList(names, { kind: 'name', caseSensitive: false, wholeWords: true })]);
}
