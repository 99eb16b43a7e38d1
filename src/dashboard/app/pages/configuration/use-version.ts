import type { UseQueryResult } from '@tanstack/react-query';
import { useApi } from '../../api/use-api.ts';
import { Version } from './answers.ts';

/** One version with its text; nothing is asked for number 0, which is none. */
export function useVersion(number: number): UseQueryResult<Version> {
  return useApi(`/api/config/versions/${number}`, Version, { enabled: number > 0 });
}
