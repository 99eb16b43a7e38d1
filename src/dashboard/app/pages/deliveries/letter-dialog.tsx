import { useState } from 'react';
import { useApi } from '../../api/use-api.ts';
import { Button } from '../../design/button.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { Facts } from '../../design/facts.tsx';
import { Foreign } from '../../design/hostile.tsx';
import { Answer } from '../../design/states.tsx';
import { CodeBlock, Time } from '../../design/texts.tsx';
import { Problem } from '../../design/problem.tsx';
import styles from './deliveries.module.css';
import { LETTERS, useLetterRemoval, useLetterReplay, WholeLetter } from './letters.ts';
import type { Letter } from './letters.ts';

/** One dead letter with what it holds, and what can be done with it. */
export function LetterDialog({ letter, onClose }: { letter: Letter; onClose: () => void }) {
  const { id, kind, at, subject, error } = letter;
  const whole = useApi(`${LETTERS}/${id}`, WholeLetter);
  const replay = useLetterReplay();
  const removal = useLetterRemoval();
  const [isSure, setSure] = useState(false);
  const isBusy = replay.isPending || removal.isPending;
  const isStored = replay.data?.replayed === 1;
  return (
    <Dialog
      title={`A ${kind} that was not stored`}
      wide
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Close</Button>
          {!isStored && (
            <>
              <Button
                look={isSure ? 'danger' : 'plain'}
                disabled={isBusy}
                onClick={() => (isSure ? removal.mutate(id, { onSuccess: onClose }) : setSure(true))}
              >
                {isSure ? 'Remove for good' : 'Remove…'}
              </Button>
              <Button look="primary" disabled={isBusy} onClick={() => replay.mutate({ id })}>
                Try again
              </Button>
            </>
          )}
        </>
      }
    >
      <Facts>
        <dt>Since</dt>
        <dd>
          <Time at={at} />
        </dd>
        {subject !== null && (
          <>
            <dt>{kind === 'record' ? 'Request' : 'Queue'}</dt>
            <dd>
              <Foreign>{subject}</Foreign>
            </dd>
          </>
        )}
        <dt>Why</dt>
        <dd>
          <Foreign most={2_000}>{error}</Foreign>
        </dd>
      </Facts>
      {isSure && !isStored && (
        <p role="status">Whoever removes it removes what the gateway has of it: nothing brings it back.</p>
      )}
      {replay.data !== undefined && (
        <p role="status" className={isStored ? undefined : styles.bad}>
          {isStored ? 'It is stored now.' : 'It still cannot be stored. The reason of today is in the list.'}
        </p>
      )}
      <Answer of={whole} lines={8}>
        {({ body }) =>
          body === null ? (
            <p className={styles.soft}>What it holds may be a caller’s: reading captures was taken from you.</p>
          ) : (
            <div className={styles.held}>
              <CodeBlock label="What it holds" text={JSON.stringify(body, undefined, 2)} />
            </div>
          )
        }
      </Answer>
      <Problem error={replay.error ?? removal.error} />
    </Dialog>
  );
}
