import { useSyncExternalStore } from 'react';

/** As the design system's styles say it: a phone. */
const narrow = window.matchMedia('(max-width: 640px)');

/** Where a table is no way to show a list. */
export function useIsNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => narrow.matches);
}

function subscribe(changed: () => void): () => void {
  narrow.addEventListener('change', changed);
  return () => narrow.removeEventListener('change', changed);
}
