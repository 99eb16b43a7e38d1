import { useMutation, useQueryClient } from '@tanstack/react-query';
import { sendJson } from '../../api/client.ts';
import { Replayed } from './answers.ts';

export type ReplayWish =
  | { ids: string[] }
  | { destination: string; from: string; to: string; state?: 'dead' | 'delivered' };

/** Puts finished deliveries back; what the pages say of deliveries is asked anew then. */
export function useReplay() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (wish: ReplayWish) => sendJson('POST', '/api/deliveries/replay', wish, Replayed),
    onSuccess: () =>
      queries.invalidateQueries({
        predicate: ({ queryKey }) =>
          queryKey.some((part) => part === '/api/destinations' || String(part).startsWith('/api/deliveries')),
      }),
  });
}
