import { useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { ApiError, sendJson } from '../../../api/client.ts';
import { Button } from '../../../design/button.tsx';
import { Dialog } from '../../../design/dialog.tsx';
import { Field } from '../../../design/filter-bar.tsx';
import { RefusedSave, Saved } from '../answers.ts';
import type { ConfigNow, Remark } from '../answers.ts';
import { useDraft } from '../draft.tsx';
import type { Base } from '../draft.tsx';
import { linesChanged } from './changes.ts';
import { Conflict } from './conflict.tsx';
import { DiffView } from './diff-view.tsx';
import styles from './editor.module.css';
import { Problems } from './problems.tsx';

interface ReviewProps {
  now: ConfigNow;
  base: Base;
  text: string;
  warnings: readonly Remark[];
  onClose: () => void;
  onSaved: (saved: Saved) => void;
}

/** The last look before a text holds: what changes, why, and whether anybody was faster. */
export function Review(props: ReviewProps) {
  const { now, base } = props;
  return base.hash === now.hash ? <Changes {...props} /> : <Conflict {...props} />;
}

function Changes({ base, text, warnings, onClose, onSaved }: ReviewProps) {
  const queries = useQueryClient();
  const draft = useDraft();
  const [note, setNote] = useState('');
  const [isSaving, setSaving] = useState(false);
  const [error, setError] = useState<Error | undefined>(undefined);
  const save = async () => {
    setSaving(true);
    setError(undefined);
    try {
      const saved = await sendJson('PUT', '/api/config', { config: text, hash: base.hash, note }, Saved);
      // Keys that stood in the text are references in what comes back, and other views show what was saved.
      await queries.invalidateQueries();
      draft.drop();
      onSaved(saved);
    } catch (failure) {
      if (!(failure instanceof Error)) throw failure;
      // Where somebody was faster, the newest config comes, and with it the choice.
      if (isConflict(failure)) await queries.invalidateQueries({ queryKey: ['/api/config'] });
      setError(failure);
      setSaving(false);
    }
  };
  return (
    <Dialog
      wide
      title="Review the changes"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Back to the editor</Button>
          <Button look="primary" disabled={isSaving} onClick={() => void save()}>
            {isSaving ? 'Saving…' : 'Save'}
          </Button>
        </>
      }
    >
      <div className={styles.changes}>
        <p>Against version {base.number}, which holds now. Running requests keep to it until they end.</p>
        <Sums before={base.text} after={text} />
      </div>
      <DiffView label="What changes" before={base.text} after={text} />
      {warnings.length > 0 && (
        <p className={styles.changes}>
          {warnings.length === 1 ? 'One remark does' : `${warnings.length} remarks do`} not keep it from being saved.
        </p>
      )}
      <Field
        label="Note"
        value={note}
        onChange={(value) => setNote(value.slice(0, 500))}
        hint="Why, for whoever reads the versions"
      />
      {error !== undefined && <Refused error={error} />}
    </Dialog>
  );
}

export function Sums({ before, after }: { before: string; after: string }) {
  const { added, removed } = useMemo(() => linesChanged(before, after), [before, after]);
  return (
    <p className={styles.sums}>
      <b className={styles.more}>+{added}</b> <b className={styles.less}>−{removed}</b> lines
    </p>
  );
}

function isConflict(error: Error): boolean {
  return error instanceof ApiError && error.code === 'gateway_config_conflict';
}

/** Why a save was refused, with each of its problems where they are known. */
function Refused({ error }: { error: Error }) {
  const remarks = error instanceof ApiError ? RefusedSave.safeParse(error.body) : undefined;
  return (
    <div className={styles.refused} role="alert">
      {remarks?.success === true ? (
        <Problems errors={remarks.data.errors} warnings={[]} onGo={() => undefined} />
      ) : (
        <p className={styles.quiet}>{error.message}</p>
      )}
    </div>
  );
}
