import type { Span } from './local-time.ts';
import styles from './time-span.module.css';

interface TimeSpanProps {
  span: Span;
  onChange: (span: Span) => void;
}

/** From when to when, in the reader's time. */
export function TimeSpan({ span, onChange }: TimeSpanProps) {
  return (
    <div className={styles.span}>
      <label>
        From
        <input
          type="datetime-local"
          value={span.from}
          onChange={(event) => onChange({ ...span, from: event.target.value })}
          required
        />
      </label>
      <label>
        To
        <input
          type="datetime-local"
          value={span.to}
          onChange={(event) => onChange({ ...span, to: event.target.value })}
          required
        />
      </label>
    </div>
  );
}
