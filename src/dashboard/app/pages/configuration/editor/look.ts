import { syntaxHighlighting } from '@codemirror/language';
import { EditorView } from '@codemirror/view';

/** The editor in the colours of design/tokens.css: they are named and not copied, so that a theme that changes needs nothing. */
const theme = EditorView.theme({
  '&': { height: '100%', color: 'var(--text)', backgroundColor: 'var(--surface)', fontSize: '0.8125rem' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--font-code)', lineHeight: '1.6', fontFeatureSettings: "'calt' 0" },
  '.cm-content': { padding: '0.75rem 0', caretColor: 'var(--text)' },
  '.cm-line': { padding: '0 1rem 0 0.5rem' },
  '.cm-cursor, .cm-dropCursor': { borderLeftColor: 'var(--text)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    background: 'var(--accent-ground)',
  },
  '.cm-gutters': { color: 'var(--text-faint)', backgroundColor: 'var(--surface)', border: 'none' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 0.25rem 0 0.75rem' },
  '.cm-activeLine': { backgroundColor: 'transparent' },
  '&.cm-focused .cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--hover) 60%, transparent)' },
  '.cm-activeLineGutter': { color: 'var(--text)', backgroundColor: 'transparent' },
  '.cm-foldPlaceholder': {
    padding: '0 0.375rem',
    color: 'var(--text-soft)',
    backgroundColor: 'var(--surface-sunken)',
    border: '1px solid var(--line)',
  },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-ground)' },
  '.cm-selectionMatch': { backgroundColor: 'var(--surface-sunken)' },
  '.cm-searchMatch': { backgroundColor: 'var(--warn-ground)', outline: '1px solid var(--warn)' },
  '.cm-panels': { color: 'var(--text)', backgroundColor: 'var(--surface-sunken)' },
  '.cm-panels.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panels.cm-panels-bottom': { borderTop: '1px solid var(--line)' },
  '.cm-panel.cm-search': { padding: '0.5rem 2rem 0.5rem 0.75rem', fontFamily: 'var(--font)' },
  '.cm-textfield': {
    padding: '0.25rem 0.5rem',
    backgroundColor: 'var(--surface)',
    border: '1px solid var(--line-strong)',
    borderRadius: 'var(--round)',
  },
  '.cm-button': {
    padding: '0.25rem 0.5rem',
    backgroundColor: 'var(--surface)',
    backgroundImage: 'none',
    border: '1px solid var(--line-strong)',
    borderRadius: 'var(--round)',
  },
  '.cm-tooltip': {
    color: 'var(--text)',
    backgroundColor: 'var(--surface-raised)',
    border: '1px solid var(--line)',
    borderRadius: 'var(--round)',
    boxShadow: 'var(--shadow-raised)',
  },
  '.cm-diagnostic': { padding: '0.375rem 0.75rem', maxWidth: '32rem', fontFamily: 'var(--font)' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--bad)' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--warn)' },
  '.cm-lintRange': { backgroundImage: 'none', textDecoration: 'underline wavy', textUnderlineOffset: '0.2em' },
  '.cm-lintRange-error': { textDecorationColor: 'var(--bad)' },
  '.cm-lintRange-warning': { textDecorationColor: 'var(--warn)' },
  '.cm-lint-marker': { width: '0.5rem', height: '0.5rem', borderRadius: '50%', margin: '0.4rem 0.2rem' },
  '.cm-lint-marker-error': { content: '""', backgroundColor: 'var(--bad)' },
  '.cm-lint-marker-warning': { content: '""', backgroundColor: 'var(--warn)' },
  '.tok-comment': { color: 'var(--text-faint)', fontStyle: 'italic' },
  '.tok-propertyName': { color: 'var(--accent)' },
  '.tok-macroName': { color: 'var(--good)', fontWeight: '600' },
  '.tok-number, .tok-atom': { color: 'var(--warn)' },
  '.tok-punctuation': { color: 'var(--text-faint)' },
  // What differs, in a diff.
  '&.cm-merge-b .cm-changedLine, .cm-insertedLine': { backgroundColor: 'var(--good-ground)' },
  '&.cm-merge-b .cm-changedText': { background: 'color-mix(in srgb, var(--good) 22%, transparent)' },
  '.cm-deletedChunk': { padding: '0 1rem 0 0.5rem', backgroundColor: 'var(--bad-ground)' },
  '.cm-deletedChunk .cm-deletedText': { background: 'color-mix(in srgb, var(--bad) 22%, transparent)' },
  '.cm-deletedLine, .cm-deletedLine del': { textDecoration: 'none' },
  '&.cm-merge-b .cm-changedLineGutter': { background: 'var(--good)' },
  '.cm-deletedLineGutter, &.cm-merge-a .cm-changedLineGutter': { background: 'var(--bad)' },
  // On a stronger ground the colours of words are too weak.
  '.cm-changedText, .cm-changedText *, .cm-deletedText, .cm-deletedText *': { color: 'var(--text)' },
  // The marks that stand there otherwise are in few typefaces.
  '.cm-collapsedLines:before, .cm-collapsedLines:after': { content: '"⋯"' },
  '.cm-collapsedLines': {
    padding: '0.25rem 0.75rem',
    color: 'var(--text-soft)',
    background: 'var(--surface-sunken)',
    fontFamily: 'var(--font)',
  },
});

/** Tags of hujson.ts by their names, as classes of the theme. */
const colours = syntaxHighlighting({
  style: (tags) => tags.map((tag) => `tok-${tag.toString()}`).join(' '),
});

export const look = [theme, colours];
