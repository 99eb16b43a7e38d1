import { EditorState } from '@codemirror/state';
import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { hujson } from './hujson.ts';
import { look } from './look.ts';

/**
 * An editor in a shadow root. CodeMirror writes style sheets of its own: into a document as `<style>` elements, which the
 * page's policy refuses, and into a shadow root as sheets that are made by script, which it does not.
 */
export function mountEditor(host: HTMLElement, text: string, label: string, extensions: Extension): EditorView {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  return new EditorView({
    doc: text,
    root,
    parent: root,
    extensions: [
      extensions,
      hujson(),
      look,
      EditorState.tabSize.of(2),
      EditorView.contentAttributes.of({
        'aria-label': label,
        spellcheck: 'false',
        tabindex: '0',
        autocapitalize: 'off',
      }),
    ],
  });
}

/** Writes another text, of which the common ends stay: so do the cursor and what is in view. */
export function replaceText(view: EditorView, text: string): void {
  const before = view.state.doc.toString();
  if (before === text) return;
  const most = Math.min(before.length, text.length);
  let start = 0;
  while (start < most && before[start] === text[start]) start += 1;
  let end = 0;
  while (end < most - start && before[before.length - 1 - end] === text[text.length - 1 - end]) end += 1;
  view.dispatch({ changes: { from: start, to: before.length - end, insert: text.slice(start, text.length - end) } });
}
