import { Card, Stat, Stats } from '../../design/card.tsx';
import { duration } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import type { RequestRecord } from './record.ts';
import { msBetween, spansOf, tokensPerSecond } from './timing.ts';
import type { Span } from './timing.ts';
import styles from './timing-tab.module.css';

/** Where the time went. */
export function TimingTab({ record }: { record: RequestRecord }) {
  const { received_at, first_byte_at, ended_at } = record;
  const wholeMs = msBetween(received_at, ended_at);
  const spans = spansOf(record);
  const speed = tokensPerSecond(record);
  return (
    <>
      <Card title="Where the time went" note={`From the request’s last byte to the response’s: ${duration(wholeMs)}`}>
        <ol className={styles.spans}>
          {spans.map((span) => (
            <Row key={span.key} span={span} wholeMs={wholeMs} />
          ))}
        </ol>
        <Scale wholeMs={wholeMs} />
      </Card>
      <Stats>
        <Stat
          name="first-byte"
          label="First byte"
          value={first_byte_at === null ? 'None' : duration(msBetween(received_at, first_byte_at))}
        />
        <Stat
          name="response-time"
          label="Response took"
          value={first_byte_at === null ? 'None' : duration(msBetween(first_byte_at, ended_at))}
        />
        <Stat
          name="speed"
          label="Tokens a second"
          value={speed === null ? 'Unknown' : speed.toFixed(speed < 10 ? 1 : 0)}
          note={speed === null ? (record.stream ? 'no tokens were told' : 'it came in one piece') : 'while it came'}
        />
      </Stats>
    </>
  );
}

/** A bar is never thinner than can be seen. */
const LEAST_PERCENT = 0.35;

function Row({ span, wholeMs }: { span: Span; wholeMs: number }) {
  const percent = (ms: number) => (wholeMs === 0 ? 0 : (100 * ms) / wholeMs);
  const width = Math.max(LEAST_PERCENT, percent(span.toMs - span.fromMs));
  const left = Math.min(percent(span.fromMs), 100 - width);
  const tookMs = span.toMs - span.fromMs;
  return (
    <li className={styles.span} data-span={span.key}>
      <span className={styles.name}>
        {span.name} {span.of !== '' && <Foreign most={60}>{span.of}</Foreign>}
      </span>
      <span className={styles.track} aria-hidden>
        <span className={styles.bar} data-tone={span.tone} style={{ left: `${left}%`, width: `${width}%` }} />
      </span>
      <span className={styles.took} title={`${span.fromMs.toFixed(1)} to ${span.toMs.toFixed(1)} ms`}>
        {tookMs < 10 ? `${tookMs.toFixed(1)} ms` : duration(tookMs)}
      </span>
      <span className={styles.note}>{span.note !== '' && <Foreign most={100}>{span.note}</Foreign>}</span>
    </li>
  );
}

function Scale({ wholeMs }: { wholeMs: number }) {
  return (
    <div className={styles.scale} aria-hidden>
      <span className={styles.marks}>
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <span key={part}>{duration(part * wholeMs)}</span>
        ))}
      </span>
    </div>
  );
}
