import { useQueryClient } from '@tanstack/react-query';
import { Suspense, useState } from 'react';
import { ApiError, sendJson } from '../../../api/client.ts';
import { Button } from '../../../design/button.tsx';
import { Dialog } from '../../../design/dialog.tsx';
import { Field } from '../../../design/filter-bar.tsx';
import { Loading } from '../../../design/states.tsx';
import { Saved } from '../answers.ts';
import type { ConfigNow, Version } from '../answers.ts';
import { usePlace } from '../use-place.ts';
import { DiffView } from './version-card.tsx';
import styles from './versions.module.css';

interface RollbackProps {
  version: Version;
  now: ConfigNow;
  onClose: () => void;
}

/** Says what going back will change before it does; the old text becomes a new version, and nothing is lost. */
export function Rollback({ version, now, onClose }: RollbackProps) {
  const queries = useQueryClient();
  const [, go] = usePlace();
  const [note, setNote] = useState('');
  const [isSaving, setSaving] = useState(false);
  const [error, setError] = useState<Error | undefined>(undefined);
  const back = async () => {
    setSaving(true);
    setError(undefined);
    try {
      const wish = { number: version.number, hash: now.hash, note };
      const saved = await sendJson('POST', '/api/config/rollback', wish, Saved);
      await queries.invalidateQueries();
      onClose();
      go({ version: saved.number, against: undefined });
    } catch (failure) {
      if (!(failure instanceof Error)) throw failure;
      // The difference that is shown is then to what somebody else saved, and the same button goes back from there.
      if (failure instanceof ApiError && failure.status === 409) {
        await queries.invalidateQueries({ queryKey: ['/api/config'] });
      }
      setError(failure);
      setSaving(false);
    }
  };
  return (
    <Dialog
      wide
      title={`Roll back to version ${version.number}?`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="danger" disabled={isSaving} onClick={() => void back()}>
            {isSaving ? 'Rolling back…' : 'Roll back'}
          </Button>
        </>
      }
    >
      <p>This will change what holds now. The old text becomes a new version, so this can be taken back, too.</p>
      <div className={styles.diff}>
        <Suspense fallback={<Loading lines={6} />}>
          <DiffView label="What will change" before={now.config} after={version.config} />
        </Suspense>
      </div>
      <Field
        label="Note"
        value={note}
        onChange={(value) => setNote(value.slice(0, 500))}
        placeholder={`back to version ${version.number}`}
      />
      {error !== undefined && (
        <p className={styles.failed} role="alert">
          {error.message}
        </p>
      )}
    </Dialog>
  );
}
