import { useState } from 'react';
import { Button } from '../../design/button.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { countExact } from '../../design/format.ts';
import { Problem } from '../../design/problem.tsx';
import { useLetterReplay } from './letters.ts';

interface Done {
  replayed: number;
  failed: number;
  /** Where it goes on; undefined at the end. */
  after: string | undefined;
}

/** All dead letters once more, 500 at a time and the oldest first. */
export function ReplayAllDialog({ onClose }: { onClose: () => void }) {
  const replay = useLetterReplay();
  const [done, setDone] = useState<Done | undefined>(undefined);
  const isOver = done !== undefined && done.after === undefined;
  const go = () =>
    replay.mutate(
      { all: 'true', ...(done?.after === undefined ? {} : { after: done.after }) },
      {
        onSuccess: ({ replayed, failed, next }) =>
          setDone({
            replayed: (done?.replayed ?? 0) + replayed,
            failed: (done?.failed ?? 0) + failed,
            after: next ?? undefined,
          }),
      },
    );
  return (
    <Dialog
      title="Try all again"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{done === undefined ? 'Cancel' : 'Close'}</Button>
          {!isOver && (
            <Button look="primary" disabled={replay.isPending} onClick={go}>
              {done === undefined ? 'Try again' : 'Go on'}
            </Button>
          )}
        </>
      }
    >
      <p>
        Each is stored if the database takes it now, as after an update of the gateway. What it still does not take
        stays, with the reason of today.
      </p>
      {done !== undefined && (
        <p role="status">
          {countExact(done.replayed)} stored, {countExact(done.failed)} still not.
          {!isOver && ' There are more.'}
        </p>
      )}
      <Problem error={replay.error} />
    </Dialog>
  );
}
