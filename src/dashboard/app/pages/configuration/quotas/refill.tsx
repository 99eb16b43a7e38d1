import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { sendJson } from '../../../api/client.ts';
import { Button } from '../../../design/button.tsx';
import { Dialog } from '../../../design/dialog.tsx';
import { Field } from '../../../design/filter-bar.tsx';
import { money, moneyExact } from '../../../design/format.ts';
import { Foreign } from '../../../design/hostile.tsx';
import { Bucket } from '../../../api/shapes.ts';
import { afterRefill, amountOf, amountText } from './amounts.ts';
import { BUCKETS_KEY } from './buckets.tsx';
import styles from './quotas.module.css';

/** Adds to one bucket, up to its capacity. It goes into the audit log. */
export function Refill({ bucket: shown, onClose }: { bucket: Bucket; onClose: () => void }) {
  const queries = useQueryClient();
  const balance = BigInt(shown.balance_nanodollars);
  const capacity = BigInt(shown.capacity_nanodollars);
  const missing = capacity - balance;
  const [typed, setTyped] = useState(missing > 0n ? amountText(missing) : '');
  const [isSending, setSending] = useState(false);
  const [error, setError] = useState<Error | undefined>(undefined);
  const amount = amountOf(typed);
  const refill = async () => {
    if (amount === undefined) return;
    setSending(true);
    setError(undefined);
    try {
      await sendJson('POST', '/api/quotas/refill', { bucket: shown.bucket, amount: amountText(amount) }, Bucket);
      await queries.invalidateQueries({ queryKey: [BUCKETS_KEY] });
      onClose();
    } catch (failure) {
      if (!(failure instanceof Error)) throw failure;
      setError(failure);
      setSending(false);
    }
  };
  return (
    <Dialog
      title="Refill a bucket"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" disabled={amount === undefined || isSending} onClick={() => void refill()}>
            {isSending ? 'Refilling…' : 'Refill'}
          </Button>
        </>
      }
    >
      <p>
        <code>
          <Foreign>{shown.bucket}</Foreign>
        </code>{' '}
        has <b title={moneyExact(balance)}>{money(balance)}</b> of <b title={moneyExact(capacity)}>{money(capacity)}</b>
        .{missing <= 0n && ' It is full.'}
      </p>
      <Field
        label="Amount"
        value={typed}
        onChange={setTyped}
        problem={typed !== '' && amount === undefined ? 'an amount such as $5.00' : undefined}
        hint={
          amount === undefined
            ? 'such as $5.00'
            : `leaves ${money(afterRefill(balance, capacity, amount))}; never more than the capacity`
        }
      />
      {error !== undefined && (
        <p className={styles.failed} role="alert">
          {error.message}
        </p>
      )}
    </Dialog>
  );
}
