import type { ResponseFacts } from '../contract/facts.ts';
import { emptyResponseFacts } from './facts.ts';
import type { ResponseReader } from './protocol.ts';

/** Files and their like may be large, and of any type: nothing of them is kept. */
export class Unread implements ResponseReader {
  push(): void {
    // Hashed by the inspector, and that is all.
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    return { ...emptyResponseFacts(), complete: how === 'complete' };
  }
}
