import { useMutation, useQueryClient } from '@tanstack/react-query';
import * as z from 'zod/mini';
import { sendJson } from '../../api/client.ts';

interface Change {
  method: 'POST' | 'DELETE';
  path: string;
  body?: unknown;
}

const NOTHING = z.undefined();

/** A change of a list: once it is made, the list is asked anew. */
export function useChange<T>(list: string, schema: z.ZodMiniType<T>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ method, path, body }: Change) => sendJson(method, path, body, schema),
    onSuccess: () => queries.invalidateQueries({ queryKey: [list] }),
  });
}

export function useRemoval(list: string) {
  return useChange(list, NOTHING);
}
