/** Times as inputs for local times have them, or as the API does. */
export interface Span {
  from: string;
  to: string;
}

/** As an input for local times wants it. */
export function localText(at: string | number): string {
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** A span of local times as the API wants it; undefined where it has no length. */
export function spanOf({ from, to }: Span): Span | undefined {
  if (!(Date.parse(from) < Date.parse(to))) return undefined;
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}
