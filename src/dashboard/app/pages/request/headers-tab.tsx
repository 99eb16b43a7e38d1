import { useMe } from '../../shell/me.tsx';
import { Badge } from '../../design/badge.tsx';
import { Card, Columns } from '../../design/card.tsx';
import { Foreign } from '../../design/hostile.tsx';
import { Empty } from '../../design/states.tsx';
import { captureMissing } from './availability.ts';
import styles from './headers-tab.module.css';
import type { Headers, RequestRecord } from './record.ts';
import { useNow } from './use-now.ts';

const REDACTED = '[redacted]';

/** What stood in the heads of both sides. */
export function HeadersTab({ record }: { record: RequestRecord }) {
  const me = useMe();
  const nowMs = useNow();
  const { capture } = record;
  if (capture === null) {
    const { title, why } = captureMissing(record, me, nowMs);
    return (
      <Card>
        <Empty title={title}>{why}</Empty>
      </Card>
    );
  }
  return (
    <Columns least="26rem">
      <Side title="Request" note="As the client sent them" headers={capture.request_headers} />
      <Side title="Response" note="As the provider sent them" headers={capture.response_headers} />
    </Columns>
  );
}

function Side({ title, note, headers }: { title: string; note: string; headers: Headers }) {
  return (
    <Card title={title} note={note}>
      {headers.length === 0 ? (
        <p className={styles.none}>None.</p>
      ) : (
        <dl className={styles.headers} aria-label={`${title} headers`}>
          {headers.map(([name, value], at) => (
            <div key={at} className={styles.header} data-header={name}>
              <dt>
                <Foreign most={120}>{name}</Foreign>
              </dt>
              <dd>
                <Value value={value} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Card>
  );
}

/** What the gateway took out before anybody kept it is said in its place. */
function Value({ value }: { value: string }) {
  const parts = value.split(REDACTED);
  if (parts.length === 1) return <Foreign most={2_000}>{value}</Foreign>;
  return parts.map((part, at) => (
    <span key={at}>
      {at > 0 && (
        <Badge tone="warn" title="A credential: it was taken out before anything was kept">
          redacted
        </Badge>
      )}
      {part !== '' && <Foreign most={2_000}>{part}</Foreign>}
    </span>
  ));
}
