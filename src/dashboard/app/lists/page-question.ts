/** The question to a list, for one page of it. */
export function withPage(question: string, page: { before?: string | null; after?: string; limit: number }): string {
  const asked = new URLSearchParams(question);
  asked.set('limit', String(page.limit));
  if (typeof page.before === 'string') asked.set('before', page.before);
  if (page.after !== undefined) asked.set('after', page.after);
  return asked.toString();
}
