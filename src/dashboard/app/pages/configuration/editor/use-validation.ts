import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { sendJson } from '../../../api/client.ts';
import { mayRetry } from '../../../api/use-api.ts';
import { Validation } from '../answers.ts';

/** A pause that says that somebody has stopped typing for now. */
const PAUSE_MS = 350;

export interface Checked {
  /** What was said of the text that was checked last. */
  validation: Validation | undefined;
  /** It is about an older text. */
  isStale: boolean;
  /** Nothing could be asked. */
  error: Error | undefined;
}

/** What a save of a text would be told, asked when typing pauses. */
export function useValidation(text: string, hash: string): Checked {
  const settled = useSettled(text);
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ['validation', hash, settled],
    queryFn: () => sendJson('POST', '/aperture/config:validate', { config: settled }, Validation),
    placeholderData: keepPreviousData,
    retry: mayRetry,
    // A text that is left behind is not worth its memory.
    gcTime: 1_000,
  });
  return {
    validation: data,
    isStale: settled !== text || isPlaceholderData,
    error: error ?? undefined,
  };
}

function useSettled(text: string): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    if (settled === text) return;
    const timer = setTimeout(() => settle(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, settled]);
  return settled;
}
