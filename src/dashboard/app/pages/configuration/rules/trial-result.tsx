import { Badge } from '../../../design/badge.tsx';
import type { Tone } from '../../../design/badge.tsx';
import { countExact, duration } from '../../../design/format.ts';
import { Foreign, ForeignText } from '../../../design/hostile.tsx';
import { Table } from '../../../design/table.tsx';
import type { Column } from '../../../design/table.tsx';
import { CodeBlock } from '../../../design/texts.tsx';
import type { Trial, TriedText, Verdict } from '../answers.ts';
import { KINDS } from './kinds.ts';
import { countsText, piecesOf } from './pieces.ts';
import styles from './rules.module.css';

interface TrialResultProps {
  trial: Trial;
  /** The text that was tried; undefined where a body was. */
  text: string | undefined;
}

/** What would become of it, what each rule says, and what was found where. */
export function TrialResult({ trial, text }: TrialResultProps) {
  const { refused, verdicts, texts, body, not_run } = trial;
  const isChanged = texts.some(({ finds, goes_on }) => finds.length > 0 && goes_on !== text);
  return (
    <section className={styles.result} aria-label="What came of it" aria-live="polite">
      <p className={styles.verdict} data-verdict={refused === null ? 'goes on' : 'refused'}>
        {refused === null ? (
          <>
            <Badge tone="good">Goes on</Badge> {isChanged ? 'changed, as below' : 'as it is'}
          </>
        ) : (
          <>
            <Badge tone="bad">Refused</Badge>
            <span>
              {refused.rule !== null && (
                <>
                  by <Foreign>{refused.rule}</Foreign>{' '}
                </>
              )}
              with {refused.status}: <Foreign>{refused.message}</Foreign>
            </span>
          </>
        )}
      </p>
      {verdicts.length > 0 && (
        <div className={styles.table}>
          <Table caption="Verdicts" columns={COLUMNS} rows={verdicts} id={({ rule }) => rule} />
        </div>
      )}
      {not_run.length > 0 && (
        <ul className={styles.notRun} aria-label="Not tried">
          {not_run.map(({ name, why }) => (
            <li key={name}>
              <Foreign>{name}</Foreign> was not tried: {why}
            </li>
          ))}
        </ul>
      )}
      {verdicts.length + not_run.length === 0 && <p className={styles.hint}>No rule is in force.</p>}
      {texts.map((each) => (
        <TextResult key={each.where} tried={each} text={text} />
      ))}
      {body !== null && body !== undefined && (
        <CodeBlock label="The body as it would go on" text={JSON.stringify(body, null, 2)} />
      )}
    </section>
  );
}

/** A text with its finds marked, and what the other side gets. */
function TextResult({ tried: { where, finds, goes_on }, text }: { tried: TriedText; text: string | undefined }) {
  if (text === undefined) {
    return (
      <div className={styles.text}>
        <h3>
          <code>
            <Foreign>{where}</Foreign>
          </code>
        </h3>
        <p className={styles.hint}>{findsText(finds)}</p>
        {goes_on !== null && <ForeignText text={goes_on} />}
      </div>
    );
  }
  if (finds.length === 0) return null;
  return (
    <div className={styles.pair}>
      <div className={styles.text}>
        <h3>Found in it</h3>
        <p className={styles.found}>
          {piecesOf(text, finds).map((piece, at) =>
            piece.kinds.length === 0 ? (
              <Foreign key={at} most={20_000}>
                {piece.text}
              </Foreign>
            ) : (
              <mark key={at} title={piece.kinds.join(', ')}>
                <Foreign most={20_000}>{piece.text}</Foreign>
              </mark>
            ),
          )}
        </p>
      </div>
      <div className={styles.text}>
        <h3>Goes on as</h3>
        {goes_on === null ? <p className={styles.hint}>nothing: it is refused</p> : <ForeignText text={goes_on} />}
      </div>
    </div>
  );
}

function findsText(finds: TriedText['finds']): string {
  const counts: Record<string, number> = {};
  for (const { kind } of finds) counts[kind] = (counts[kind] ?? 0) + 1;
  return `found: ${countsText(counts)}`;
}

const TONES: Record<string, Tone> = { allow: 'good', block: 'bad', error: 'bad', flag: 'warn' };

const COLUMNS: readonly Column<Verdict>[] = [
  { key: 'rule', head: 'Rule', cell: ({ rule }) => <Foreign>{rule}</Foreign> },
  { key: 'type', head: 'Kind', minor: true, cell: ({ type }) => KINDS[type] ?? type },
  {
    key: 'action',
    head: 'Says',
    cell: ({ action, shadow, error }) => (
      <>
        <Badge tone={TONES[action] ?? 'accent'}>{action}</Badge>
        {shadow && ' only recorded'}
        {error !== null && (
          <>
            {' '}
            <Foreign>{error}</Foreign>
          </>
        )}
      </>
    ),
  },
  { key: 'counts', head: 'Found', cell: ({ counts }) => <Foreign>{countsText(counts)}</Foreign> },
  {
    key: 'scanned',
    head: 'Characters read',
    figure: true,
    minor: true,
    title: ({ scanned }) => scanned.join(', '),
    cell: ({ scanned_chars }) => (scanned_chars === null ? '–' : countExact(scanned_chars)),
  },
  { key: 'took', head: 'Took', figure: true, minor: true, cell: ({ took_ms }) => duration(took_ms) },
];
