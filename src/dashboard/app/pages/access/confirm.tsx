import type { ReactNode } from 'react';
import { Button } from '../../design/button.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { Problem } from '../../design/problem.tsx';
import { useRemoval } from './change.ts';

interface ConfirmProps {
  title: string;
  /** What its button does. */
  act: string;
  look: 'primary' | 'danger';
  /** The list's path, and which of it is taken away. */
  list: string;
  id: string;
  onClose: () => void;
  children: ReactNode;
}

/** Takes something from a list, once one is sure; closes when it is gone. */
export function Confirm({ title, act, look, list, id, onClose, children }: ConfirmProps) {
  const removal = useRemoval(list);
  const send = () =>
    removal.mutate({ method: 'DELETE', path: `${list}/${encodeURIComponent(id)}` }, { onSuccess: onClose });
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look={look} disabled={removal.isPending} onClick={send}>
            {act}
          </Button>
        </>
      }
    >
      <p>{children}</p>
      <Problem error={removal.error} />
    </Dialog>
  );
}
