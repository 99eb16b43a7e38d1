import { useApi } from '../../api/use-api.ts';
import { Badge } from '../../design/badge.tsx';
import { Card } from '../../design/card.tsx';
import { countExact } from '../../design/format.ts';
import { Answer } from '../../design/states.tsx';
import { Time } from '../../design/texts.tsx';
import { AuditState } from './entries.ts';
import styles from './audit.module.css';

/** Whether the log is as it was written: up to where it is signed, and whether the rest follows. */
export function ChainState() {
  const state = useApi('/api/audit/state', AuditState, { everyMs: 30_000 });
  return (
    <Card>
      <div className={styles.state} data-figure="chain">
        <Answer of={state} lines={2}>
          {(said) => <Said state={said} />}
        </Answer>
      </div>
    </Card>
  );
}

function Said({ state }: { state: AuditState }) {
  const { entries, signed, follows_through, finding } = state;
  if (finding !== null) {
    return (
      <>
        <p className={styles.line} role="alert">
          <Badge tone="bad">Tampered with</Badge>
          <b className={styles.bad}>{sentence(finding.sentence)}</b>
        </p>
        <Whole />
      </>
    );
  }
  const open = entries - (signed?.number ?? 0);
  return (
    <>
      <p className={styles.line}>
        <Tone state={state} />
        <span>
          {signed === null ? (
            'No entry is signed yet.'
          ) : (
            <>
              Signed up to entry {countExact(signed.number)}, <Time at={signed.at} />
              {!signed.own_key && ', by another key than this gateway’s: one from before it was changed, or somebody’s'}
              .
            </>
          )}{' '}
          {open > 0 && openText(open, follows_through >= entries, signed === null)}
        </span>
      </p>
      <Whole />
    </>
  );
}

function Tone({ state: { entries, signed, follows_through } }: { state: AuditState }) {
  if (entries === 0) return <Badge>Empty</Badge>;
  if (signed?.own_key === false || follows_through < entries) return <Badge tone="warn">Look at it</Badge>;
  return <Badge tone="good">Whole</Badge>;
}

function openText(open: number, followsAll: boolean, isAll: boolean): string {
  const what = `${countExact(open)} ${open === 1 ? 'entry' : 'entries'}${isAll ? '' : ' since then'}`;
  if (!followsAll) return `${what}, more than are looked at here.`;
  const from = isAll ? 'one another' : 'it';
  return open === 1 ? `${what} waits for a signature.` : `${what} follow from ${from}, and wait for a signature.`;
}

function Whole() {
  return (
    <p className={styles.faint}>
      The end is looked at here. <code>aperture audit verify</code> recomputes every entry.
    </p>
  );
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
