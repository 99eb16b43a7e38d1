import type { MouseEvent } from 'react';

/**
 * A click anywhere on a row does what its link does; with the middle button or a modifier the link opens beside. Text can
 * be selected all the same, which a link over the whole row would not let one do.
 */
export function openedBy(event: MouseEvent<HTMLElement>, open: () => void): void {
  if (event.target instanceof Element && event.target.closest('a, button') !== null) return;
  if (window.getSelection()?.isCollapsed === false) return;
  const beside = event.button === 1 || event.ctrlKey || event.metaKey;
  if (!beside && event.button === 0) return open();
  const link = event.currentTarget.querySelector<HTMLAnchorElement>('a[href]');
  if (beside && link !== null) window.open(link.href, '_blank', 'noopener');
}
