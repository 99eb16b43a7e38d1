import { Link } from '@tanstack/react-router';
import { Card } from '../../design/card.tsx';
import { Marked } from '../../design/hostile.tsx';
import { Empty, Failure, Loading } from '../../design/states.tsx';
import { isConversation } from '../request/conversation/read.ts';
import { useExchange } from '../request/conversation/use-exchange.ts';
import type { RequestRecord } from '../request/record.ts';
import { compare } from './difference.ts';
import type { Difference } from './difference.ts';
import styles from './compare.module.css';

/** Where what was said first differs, part by part. */
export function Said({ a, b }: { a: RequestRecord; b: RequestRecord }) {
  const blind = [a, b].find((record) => record.capture === null || !isConversation(record.api));
  return (
    <Card title="What was said" note="Each part from the first character on in which the two differ">
      {blind === undefined ? (
        <Bodies a={a} b={b} />
      ) : (
        <Empty title="Nothing to compare">
          {blind.capture === null ? 'Of one of them there is no capture for you.' : 'One of them is no conversation.'}{' '}
          <Link to="/requests/$id" params={{ id: blind.id }}>
            Look at it
          </Link>
        </Empty>
      )}
    </Card>
  );
}

function Bodies({ a, b }: { a: RequestRecord; b: RequestRecord }) {
  const [first, second] = [useExchange(a), useExchange(b)];
  const error = first.read.error ?? second.read.error;
  if (error !== null) return <Failure error={error} />;
  if (first.read.data === undefined || second.read.data === undefined) return <Loading lines={8} />;
  const { same, different } = compare(first.read.data, second.read.data);
  if (same.length + different.length === 0) return <Empty title="Neither can be read as a conversation" />;
  return (
    <div className={styles.parts}>
      {same.length > 0 && <p className={styles.soft}>The same in both: {same.join(', ').toLowerCase()}.</p>}
      {different.map((part) => (
        <Part key={part.name} part={part} />
      ))}
    </div>
  );
}

function Part({ part: { name, before, a, b } }: { part: Difference }) {
  return (
    <section className={styles.part} aria-label={name}>
      <h3>{name}</h3>
      <div className={styles.sides}>
        <Side label="First" before={before} text={a} />
        <Side label="Second" before={before} text={b} />
      </div>
    </section>
  );
}

function Side({ label, before, text }: { label: string; before: string; text: string | null }) {
  return (
    <div className={styles.side} data-side={label.toLowerCase()}>
      <p className={styles.label}>{label}</p>
      {text === null ? (
        <p className={styles.none}>It has none</p>
      ) : (
        <pre dir="auto">
          <span className={styles.before}>
            <Marked text={before} />
          </span>
          <mark className={styles.differs}>
            <Marked text={text} />
          </mark>
          {text === '' && <span className={styles.ends}>ends here</span>}
        </pre>
      )}
    </div>
  );
}
