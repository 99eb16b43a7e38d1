import { foldService, LanguageSupport, StreamLanguage } from '@codemirror/language';
import type { StreamParser, StringStream } from '@codemirror/language';

/** JSON with comments and trailing commas, as Tailscale writes it; `${NAME}` in strings stands out. */

interface State {
  /** Brackets that are open. */
  depth: number;
  in: 'value' | 'string' | 'key' | 'comment';
}

const MACRO = /^\$\{[^}"\n]*\}/;

const parser: StreamParser<State> = {
  name: 'hujson',
  startState: () => ({ depth: 0, in: 'value' }),
  copyState: (state) => ({ ...state }),
  token(stream, state) {
    if (state.in === 'comment') return comment(stream, state);
    if (state.in !== 'value') return text(stream, state);
    if (stream.eatSpace()) return null;
    if (stream.match('//') === true) {
      stream.skipToEnd();
      return 'comment';
    }
    if (stream.match('/*') === true) {
      state.in = 'comment';
      return comment(stream, state);
    }
    if (stream.peek() === '"') {
      state.in = /^"(?:[^"\\]|\\.)*"\s*:/.test(stream.string.slice(stream.pos)) ? 'key' : 'string';
      stream.next();
      return text(stream, state);
    }
    if (stream.match(/^-?\d[\d.eE+-]*/) !== null) return 'number';
    if (stream.match(/^(?:true|false|null)\b/) !== null) return 'atom';
    const mark = stream.next() ?? '';
    if ('{['.includes(mark)) state.depth += 1;
    else if ('}]'.includes(mark)) state.depth = Math.max(0, state.depth - 1);
    return 'punctuation';
  },
  indent: ({ depth }, textAfter, { unit }) => Math.max(0, depth - (/^\s*[}\]]/.test(textAfter) ? 1 : 0)) * unit,
  languageData: {
    commentTokens: { line: '//', block: { open: '/*', close: '*/' } },
    closeBrackets: { brackets: ['{', '[', '"'] },
    indentOnInput: /^\s*[}\]]$/,
  },
};

function comment(stream: StringStream, state: State): string {
  if (stream.skipTo('*/')) {
    stream.match('*/');
    state.in = 'value';
  } else stream.skipToEnd();
  return 'comment';
}

/** The inside of a string, up to a macro or its end; one that is not closed ends with its line. */
function text(stream: StringStream, state: State): string {
  const style = state.in === 'key' ? 'propertyName' : 'string';
  if (state.in === 'string' && stream.match(MACRO) !== null) return 'macroName';
  for (;;) {
    const next = stream.next();
    if (next === undefined || next === '"') {
      state.in = 'value';
      return style;
    }
    if (next === '\\') stream.next();
    if (state.in === 'string' && MACRO.test(stream.string.slice(stream.pos))) return style;
    if (stream.eol()) {
      state.in = 'value';
      return style;
    }
  }
}

/** A line that opens a bracket folds away what is further in, as the text is written. */
const folding = foldService.of((state, lineStart, lineEnd) => {
  const line = state.doc.lineAt(lineStart);
  if (!/[{[]\s*(?:\/\/.*)?$/.test(line.text)) return null;
  const indent = indentOf(line.text);
  for (let number = line.number + 1; number <= state.doc.lines; number += 1) {
    const { text: inside, from } = state.doc.line(number);
    if (inside.trim() === '' || indentOf(inside) > indent) continue;
    return from - 1 > lineEnd ? { from: lineEnd, to: from + indentOf(inside) } : null;
  }
  return null;
});

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

export function hujson(): LanguageSupport {
  return new LanguageSupport(StreamLanguage.define(parser), [folding]);
}
