/** A colour of tokens.css as a canvas needs it: worked out for the theme that holds now. */
export function colour(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${name})`;
  probe.hidden = true;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** Of the series at a place of a chart; the eighth and all after it are "others". */
export function seriesColour(at: number): string {
  return `var(--series-${Math.min(at + 1, SERIES_COLOURS)})`;
}
const SERIES_COLOURS = 8;
