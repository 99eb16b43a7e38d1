import { lintGutter, setDiagnostics } from '@codemirror/lint';
import type { Diagnostic } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { basicSetup } from 'codemirror';
import { useEffect, useEffectEvent, useImperativeHandle, useRef } from 'react';
import type { Ref } from 'react';
import type { Place } from '../config-text.ts';
import { mountEditor, replaceText } from './editor-view.ts';
import styles from './editor.module.css';

export interface EditorHandle {
  /** Goes to a place, selects it and shows it. */
  goTo: (place: Place) => void;
}

export interface Mark extends Place {
  severity: 'error' | 'warning';
  message: string;
}

interface CodeEditorProps {
  label: string;
  text: string;
  onChange: (text: string) => void;
  readOnly: boolean;
  /** Undefined: nothing new is known; what was marked moves with the text. */
  marks: readonly Mark[] | undefined;
  ref?: Ref<EditorHandle>;
}

/** A config as text. */
export function CodeEditor({ label, text, onChange, readOnly, marks, ref }: CodeEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const changed = useEffectEvent(onChange);
  const first = useEffectEvent(() => text);

  useEffect(() => {
    if (host.current === null) return;
    const made = mountEditor(host.current, first(), label, [
      basicSetup,
      lintGutter(),
      EditorView.lineWrapping,
      EditorState.readOnly.of(readOnly),
      EditorView.updateListener.of(({ docChanged, state }) => {
        if (docChanged) changed(state.doc.toString());
      }),
    ]);
    view.current = made;
    return () => {
      made.destroy();
      view.current = undefined;
    };
  }, [label, readOnly]);

  useEffect(() => {
    if (view.current !== undefined) replaceText(view.current, text);
  }, [text]);

  useEffect(() => {
    const editor = view.current;
    if (editor === undefined || marks === undefined) return;
    const { length } = editor.state.doc;
    const diagnostics = marks
      .filter(({ to }) => to <= length)
      .map(({ from, to, severity, message }): Diagnostic => ({ from, to, severity, message }));
    editor.dispatch(setDiagnostics(editor.state, diagnostics));
  }, [marks, readOnly]);

  useImperativeHandle(ref, () => ({
    goTo: ({ from, to }) => {
      const editor = view.current;
      if (editor === undefined) return;
      const { length } = editor.state.doc;
      const [anchor, head] = [Math.min(from, length), Math.min(to, length)];
      editor.dispatch({
        selection: { anchor, head },
        effects: EditorView.scrollIntoView(anchor, { y: 'center' }),
      });
      editor.focus();
    },
  }));
  return <div ref={host} className={styles.editor} />;
}
