import { useMemo, useState } from 'react';
import { Button } from '../../../design/button.tsx';
import { Choice } from '../../../design/choice.tsx';
import { Dialog } from '../../../design/dialog.tsx';
import { ago } from '../../../design/format.ts';
import { Foreign } from '../../../design/hostile.tsx';
import type { ConfigNow } from '../answers.ts';
import { useDraft } from '../draft.tsx';
import type { Base } from '../draft.tsx';
import { useVersion } from '../use-version.ts';
import { bothChanges } from './changes.ts';
import { DiffView } from './diff-view.tsx';
import styles from './editor.module.css';
import { Sums } from './review.tsx';

interface ConflictProps {
  /** What somebody else saved. */
  now: ConfigNow;
  base: Base;
  text: string;
  onClose: () => void;
}

/** Somebody else saved since the draft was begun: what they did, what one's own text would do to it, and the choice. */
export function Conflict({ now, base, text, onClose }: ConflictProps) {
  const draft = useDraft();
  const [view, setView] = useState<'theirs' | 'mine'>('theirs');
  const theirs: Base = { text: now.config, hash: now.hash, number: now.number };
  const merged = useMemo(() => bothChanges(base.text, text, now.config), [base.text, text, now.config]);
  const [before, after] = view === 'theirs' ? [base.text, theirs.text] : [theirs.text, text];
  return (
    <Dialog
      wide
      title="Somebody saved in the meantime"
      onClose={onClose}
      actions={
        <>
          <Button
            look="danger"
            onClick={() => {
              draft.drop();
              onClose();
            }}
          >
            Drop mine, take theirs
          </Button>
          <Button onClick={() => draft.write(theirs, text)}>Put mine in place of theirs</Button>
          {merged !== undefined && (
            <Button look="primary" onClick={() => draft.write(theirs, merged)}>
              Keep both
            </Button>
          )}
        </>
      }
    >
      <div className={styles.changes}>
        <p>
          <WhoSaved number={now.number} />{' '}
          {merged === undefined
            ? 'Both changes touch the same lines, so one of them has to be chosen, or merged by hand.'
            : 'The two changes touch different lines and fit together.'}{' '}
          Nothing is saved before the next review.
        </p>
      </div>
      <div className={styles.changes}>
        <Choice
          label="Which changes"
          options={[
            { value: 'theirs', name: 'Their changes' },
            { value: 'mine', name: 'Mine instead' },
          ]}
          chosen={view}
          onChoose={setView}
        />
        <Sums before={before} after={after} />
      </div>
      <DiffView
        label={view === 'theirs' ? 'What they changed' : 'Mine in place of theirs'}
        before={before}
        after={after}
      />
    </Dialog>
  );
}

function WhoSaved({ number }: { number: number }) {
  const entry = useVersion(number).data;
  if (entry === undefined) return <>Version {number} was saved since you began.</>;
  return (
    <>
      <Foreign>{entry.author}</Foreign> saved version {number} {ago(entry.at)}
      {entry.note !== '' && (
        <>
          {' '}
          (<Foreign>{entry.note}</Foreign>)
        </>
      )}
      .
    </>
  );
}
