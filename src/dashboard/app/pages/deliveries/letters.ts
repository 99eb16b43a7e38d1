import { useMutation, useQueryClient } from '@tanstack/react-query';
import * as z from 'zod/mini';
import { pathOf, sendJson } from '../../api/client.ts';
import { pageOf } from '../../api/shapes.ts';

export const LETTERS = '/api/dead-letters';

export const Letter = z.looseObject({
  id: z.string(),
  /** `record`, or `job` of a queue. */
  kind: z.string(),
  at: z.string(),
  /** The record's id; of a job, its queue. */
  subject: z.nullable(z.string()),
  error: z.string(),
  bytes: z.number(),
});
export type Letter = z.infer<typeof Letter>;
/** `GET /api/dead-letters`, the newest first. */
export const LetterPage = pageOf(Letter);
/** `GET /api/dead-letters/{id}`; `body` is null where it may hold a caller's headers and is not the admin's to read. */
export const WholeLetter = z.extend(Letter, { body: z.unknown() });

/** `POST /api/dead-letters/replay`; `next`: there are more, and that is `after` for them. */
const Replayed = z.looseObject({ replayed: z.number(), failed: z.number(), next: z.nullable(z.string()) });
export type Replayed = z.infer<typeof Replayed>;

export type Which = { id: string } | { all: 'true'; after?: string };

/** Tries to store one once more, or all from a place on. */
export function useLetterReplay() {
  const anew = useAnew();
  return useMutation({
    mutationFn: (which: Which) => sendJson('POST', pathOf(`${LETTERS}/replay`, which), undefined, Replayed),
    onSuccess: anew,
  });
}

export function useLetterRemoval() {
  const anew = useAnew();
  return useMutation({
    mutationFn: (id: string) => sendJson('DELETE', `${LETTERS}/${id}`, undefined, z.undefined()),
    onSuccess: anew,
  });
}

function useAnew(): () => Promise<void> {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: ['pages', LETTERS] });
}
