import { useApi } from '../../api/use-api.ts';
import { Button } from '../../design/button.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { Facts } from '../../design/facts.tsx';
import { Foreign } from '../../design/hostile.tsx';
import { Problem } from '../../design/problem.tsx';
import { Answer } from '../../design/states.tsx';
import { CodeBlock, Time } from '../../design/texts.tsx';
import { WholeDelivery } from './answers.ts';
import type { Delivery } from './answers.ts';
import { useReplay } from './use-replay.ts';

/** One delivery with what is told in it. */
export function DeliveryDialog({ delivery, onClose }: { delivery: Delivery; onClose: () => void }) {
  const { id, destination, kind, state, sequence, attempts, finished_at, next_attempt_at, last_error } = delivery;
  const whole = useApi(`/api/deliveries/${id}`, WholeDelivery);
  const replay = useReplay();
  return (
    <Dialog
      title={`${kind} to ${destination}`}
      wide
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Close</Button>
          {state !== 'waiting' && (
            <Button
              look="primary"
              disabled={replay.isPending}
              onClick={() => replay.mutate({ ids: [id] }, { onSuccess: onClose })}
            >
              Send it again
            </Button>
          )}
        </>
      }
    >
      <Facts>
        <dt>State</dt>
        <dd>
          {state}
          {finished_at !== null && (
            <>
              , <Time at={finished_at} />
            </>
          )}
          {state === 'waiting' && next_attempt_at !== null && (
            <>
              , next tried <Time at={next_attempt_at} />
            </>
          )}
        </dd>
        <dt>Attempts</dt>
        <dd>{attempts}</dd>
        <dt>Sequence</dt>
        <dd>{sequence ?? 'not numbered yet'}</dd>
        <dt>Id</dt>
        <dd>{id}</dd>
        {last_error !== null && (
          <>
            <dt>Last error</dt>
            <dd>
              <Foreign most={500}>{last_error}</Foreign>
            </dd>
          </>
        )}
      </Facts>
      <Answer of={whole} lines={6}>
        {({ payload }) => <CodeBlock label="What it tells" text={JSON.stringify(payload, undefined, 2)} />}
      </Answer>
      <Problem error={replay.error} />
    </Dialog>
  );
}
