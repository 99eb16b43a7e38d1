import { useState } from 'react';
import { pathOf } from '../../api/client.ts';
import { useApi } from '../../api/use-api.ts';
import { Button } from '../../design/button.tsx';
import { Choice } from '../../design/choice.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { countExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { localText, spanOf } from '../../design/local-time.ts';
import type { Span } from '../../design/local-time.ts';
import { Problem } from '../../design/problem.tsx';
import { TimeSpan } from '../../design/time-span.tsx';
import { DeliveryPage } from './answers.ts';
import type { Destination } from './answers.ts';
import styles from './deliveries.module.css';
import { useReplay } from './use-replay.ts';

const COUNTED = 1_000;
const MINUTE_MS = 60_000;
/** Longer than dead letters are kept. */
const DAYS = 31;

/** What of a time goes out again, once one is sure: says how much that is before it is done. */
export function ReplayDialog({ destination: { name }, onClose }: { destination: Destination; onClose: () => void }) {
  const [nowMs] = useState(() => Math.ceil(Date.parse(new Date().toISOString()) / MINUTE_MS) * MINUTE_MS);
  const [typed, setTyped] = useState<Span>(() => ({
    from: localText(nowMs - DAYS * 86_400_000),
    to: localText(nowMs),
  }));
  const [which, setWhich] = useState<'dead' | 'delivered'>('dead');
  const replay = useReplay();
  const span = spanOf(typed);
  const isWrong = span === undefined;
  const wish = { destination: name, state: which, from: span?.from ?? '', to: span?.to ?? '' };
  const found = useApi(pathOf('/api/deliveries', { ...wish, limit: COUNTED }), DeliveryPage, { enabled: !isWrong });
  const there = found.data?.items.length;
  return (
    <Dialog
      title="Send again"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{replay.data === undefined ? 'Cancel' : 'Close'}</Button>
          <Button
            look="primary"
            disabled={isWrong || replay.isPending || there === undefined || there === 0}
            onClick={() => replay.mutate(wish)}
          >
            Send again
          </Button>
        </>
      }
    >
      <div className={styles.form}>
        <p>
          To <Foreign>{name}</Foreign>, what was made in this time. Events keep their ids and sequence numbers: a
          receiver that has one drops it.
        </p>
        <Choice
          label="Which"
          options={[
            { value: 'dead', name: 'Dead letters' },
            { value: 'delivered', name: 'Delivered ones' },
          ]}
          chosen={which}
          onChoose={setWhich}
        />
        <TimeSpan span={typed} onChange={setTyped} />
        <p role="status">
          {replay.data === undefined
            ? isWrong
              ? 'The end must be after the beginning.'
              : foundText(there, which, found.data?.next !== null)
            : doneText(replay.data)}
        </p>
        <Problem error={replay.error ?? found.error} />
      </div>
    </Dialog>
  );
}

function foundText(there: number | undefined, which: 'dead' | 'delivered', isMore: boolean): string {
  if (there === undefined) return 'Counting …';
  const what = which === 'dead' ? 'dead letter' : 'delivered event';
  if (there === 0) return `There is no ${what} of this time.`;
  if (isMore) return `More than ${countExact(there)} ${what}s go out again, 10,000 at most.`;
  return there === 1 ? `1 ${what} goes out again.` : `${countExact(there)} ${what}s go out again.`;
}

function doneText({ replayed, more }: { replayed: number; more: boolean }): string {
  const done = `${countExact(replayed)} ${replayed === 1 ? 'is' : 'are'} on the way again.`;
  return more ? `${done} There are more: send again for those.` : done;
}
