import { useRef, useState } from 'react';
import type { KeyboardEvent, RefObject } from 'react';

interface ListKeys {
  /** Which option Enter would take. */
  at: number;
  setAt: (at: number) => void;
  /** Of the list element, whose children are the options. */
  list: RefObject<HTMLUListElement | null>;
  onKeyDown: (event: KeyboardEvent) => void;
}

/**
 * The keys of a field that finds options in a list below it: up and down go from one to the next and keep it in sight, Enter
 * takes it. `onLeave` is for Escape, where the list is in no dialog that hears it.
 */
export function useListKeys(options: number, onTake: (at: number) => void, onLeave?: () => void): ListKeys {
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = Math.max(0, Math.min(options - 1, at + step));
      setAt(next);
      list.current?.children[next]?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (at < options) onTake(at);
    } else if (event.key === 'Escape' && onLeave !== undefined) {
      event.stopPropagation();
      onLeave();
    }
  };
  return { at, setAt, list, onKeyDown };
}
