import { Dialog } from '../../design/dialog.tsx';
import { Facts } from '../../design/facts.tsx';
import { Foreign } from '../../design/hostile.tsx';
import { CodeBlock } from '../../design/texts.tsx';
import { actionName } from './actions.ts';
import type { AuditItem } from './entries.ts';
import { Target } from './target.tsx';
import styles from './audit.module.css';

/** One entry with all that it says. */
export function EntryDialog({ entry, onClose }: { entry: AuditItem; onClose: () => void }) {
  const { number, at, by, node_id, action, target, details, hash } = entry;
  return (
    <Dialog title={`Entry ${number}: ${actionName(action)}`} wide onClose={onClose}>
      <Facts>
        <dt>When</dt>
        <dd>{at}</dd>
        <dt>Who</dt>
        <dd>
          <Foreign>{by}</Foreign>
          {node_id !== '' && (
            <span className={styles.soft}>
              {' '}
              on device <Foreign>{node_id}</Foreign>
            </span>
          )}
        </dd>
        <dt>What</dt>
        <dd>
          <code>{action}</code>
        </dd>
        {target !== '' && (
          <>
            <dt>To what</dt>
            <dd>
              <Target entry={entry} />
            </dd>
          </>
        )}
        <dt>Hash</dt>
        <dd className={styles.hash}>{hash}</dd>
      </Facts>
      <CodeBlock label="Details" text={JSON.stringify(details, undefined, 2)} />
    </Dialog>
  );
}
