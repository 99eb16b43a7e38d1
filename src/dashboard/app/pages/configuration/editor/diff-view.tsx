import { unifiedMergeView } from '@codemirror/merge';
import { EditorState } from '@codemirror/state';
import { EditorView, highlightSpecialChars, lineNumbers } from '@codemirror/view';
import { useEffect, useRef, useState } from 'react';
import { Button } from '../../../design/button.tsx';
import { Empty } from '../../../design/states.tsx';
import { mountEditor } from './editor-view.ts';
import styles from './editor.module.css';

/** What becomes of a text: lines that go are red, those that come green; what stays is folded away, or shown on demand. */
export function DiffView({ label, before, after }: { label: string; before: string; after: string }) {
  const host = useRef<HTMLDivElement>(null);
  const [isWhole, setWhole] = useState(false);
  const isSame = before === after;
  useEffect(() => {
    if (host.current === null) return;
    const made = mountEditor(host.current, after, label, [
      lineNumbers(),
      // What turns the direction of reading could make a change look like another.
      highlightSpecialChars(),
      EditorView.lineWrapping,
      EditorState.readOnly.of(true),
      unifiedMergeView({
        original: before,
        mergeControls: false,
        ...(isWhole ? {} : { collapseUnchanged: { margin: 2, minSize: 3 } }),
      }),
    ]);
    return () => made.destroy();
  }, [label, before, after, isSame, isWhole]);
  if (isSame) return <Empty title="No difference">The two texts are the same, to the last character.</Empty>;
  return (
    <div className={styles.difference}>
      <div ref={host} className={styles.diff} />
      <Button look="quiet" aria-pressed={isWhole} onClick={() => setWhole(!isWhole)}>
        {isWhole ? 'Show what changes alone' : 'Show the whole text'}
      </Button>
    </div>
  );
}
