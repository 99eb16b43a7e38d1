import { useBlocker } from '@tanstack/react-router';
import { createContext, useContext, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { Button } from '../../design/button.tsx';
import { Dialog } from '../../design/dialog.tsx';

/** The version that a draft was made from. */
export interface Base {
  text: string;
  hash: string;
  /** 0 while the version is not recorded. */
  number: number;
}

interface Draft {
  /** Undefined: nothing was changed. */
  base: Base | undefined;
  text: string | undefined;
}

interface DraftDesk extends Draft {
  isChanged: boolean;
  /** The text as it is now, and what it was made from: the same text means that nothing is changed any more. */
  write: (base: Base, text: string) => void;
  drop: () => void;
}

const Drafts = createContext<DraftDesk | undefined>(undefined);

/** A text that is being written: of this page while it is open, in memory alone, whatever tab is looked at. */
export function useDraft(): DraftDesk {
  const desk = useContext(Drafts);
  if (desk === undefined) throw new Error('nobody keeps a draft here');
  return desk;
}

const NONE: Draft = { base: undefined, text: undefined };

export function DraftOwner({ children }: { children: ReactNode }) {
  const [draft, setDraft] = useState<Draft>(NONE);
  const desk = useMemo(
    (): DraftDesk => ({
      ...draft,
      isChanged: draft.text !== undefined,
      write: (base, text) => setDraft(text === base.text ? NONE : { base, text }),
      drop: () => setDraft(NONE),
    }),
    [draft],
  );
  return <Drafts value={desk}>{children}</Drafts>;
}

/** Asks before a changed text is lost: by a link of this site with a dialog, by leaving it with the browser's own. */
export function DraftGuard() {
  const { isChanged } = useDraft();
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => isChanged && current.pathname !== next.pathname,
    enableBeforeUnload: () => isChanged,
    withResolver: true,
  });
  if (blocker.status !== 'blocked') return null;
  return (
    <Dialog
      title="Leave without saving?"
      onClose={blocker.reset}
      actions={
        <>
          <Button onClick={blocker.reset}>Stay</Button>
          <Button look="danger" onClick={blocker.proceed}>
            Leave and lose the changes
          </Button>
        </>
      }
    >
      <p>The config has changes that are not saved. They are kept nowhere but on this page.</p>
    </Dialog>
  );
}
