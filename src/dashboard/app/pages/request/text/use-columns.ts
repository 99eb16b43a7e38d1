import { useEffect, useState } from 'react';
import type { RefObject } from 'react';

/** Beside the text: the line's number and the paddings. */
const MARGIN_PX = 84;
const [FEWEST, MOST] = [24, 400];
const PROBE = 'M'.repeat(100);

/** How many characters of the code's typeface stand side by side in an element; undefined until it is known. */
export function useColumns(frame: RefObject<HTMLElement | null>): number | undefined {
  const [columns, setColumns] = useState<number>();
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const measure = () => setColumns(columnsIn(element));
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(measure, 150);
    };
    const resized = new ResizeObserver(later);
    resized.observe(element);
    void document.fonts.ready.then(measure);
    return () => {
      clearTimeout(timer);
      resized.disconnect();
    };
  }, [frame]);
  return columns;
}

function columnsIn(element: HTMLElement): number {
  const probe = document.createElement('code');
  probe.textContent = PROBE;
  probe.style.position = 'absolute';
  probe.style.visibility = 'hidden';
  // In a narrow frame it would break, and seem narrow itself.
  probe.style.whiteSpace = 'pre';
  element.append(probe);
  const characterPx = probe.getBoundingClientRect().width / PROBE.length;
  probe.remove();
  const fit = Math.floor((element.clientWidth - MARGIN_PX) / Math.max(1, characterPx));
  return Math.max(FEWEST, Math.min(MOST, fit));
}
