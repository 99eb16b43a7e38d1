import { useState } from 'react';

/** When the view was opened. */
export function useNow(): number {
  return useState(() => Date.parse(new Date().toISOString()))[0];
}
