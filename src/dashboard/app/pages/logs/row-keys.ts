import type { KeyboardEvent } from 'react';

const STEPS: Record<string, number> = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

/**
 * Within a list whose rows have one link each (`data-item`): j and k or the arrows go from row to row, Home and End to the
 * ends, Escape leaves. Elsewhere on the page these keys do what they do.
 */
export function goAmongRows(event: KeyboardEvent<HTMLElement>): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-item]')];
  const at = items.findIndex((item) => item === document.activeElement);
  if (event.key === 'Escape' && at >= 0) return items[at]?.blur();
  const next = nextOf(event.key, at, items.length);
  if (next === undefined) return;
  event.preventDefault();
  items[next]?.focus();
}

function nextOf(key: string, at: number, count: number): number | undefined {
  if (key === 'Home') return 0;
  if (key === 'End') return count - 1;
  const step = STEPS[key];
  if (step === undefined) return undefined;
  return at < 0 ? 0 : Math.min(count - 1, Math.max(0, at + step));
}
