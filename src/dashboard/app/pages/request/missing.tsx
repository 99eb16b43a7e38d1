import { Download } from 'lucide-react';
import { Empty } from '../../design/states.tsx';
import type { BodyState } from './availability.ts';

/** Why there is nothing to see, and the file where there is one. */
export function Missing({ state }: { state: Extract<BodyState, { at: 'missing' }> }) {
  return (
    <Empty title={state.title}>
      {state.why}
      {state.download !== null && (
        <>
          {' '}
          <a href={state.download} download>
            <Download size={14} aria-hidden /> Download
          </a>
        </>
      )}
    </Empty>
  );
}
