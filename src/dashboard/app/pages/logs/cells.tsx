import { LockKeyhole, ShieldCheck } from 'lucide-react';
import type { ReactNode } from 'react';
import { StateBadge } from '../../design/badge.tsx';
import type { Usage } from '../../api/shapes.ts';
import { count, countExact, money, moneyExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Money } from '../../design/texts.tsx';
import type { RequestRow, SessionRow, Turn } from './shapes.ts';
import { visible } from './visible.ts';
import styles from './cells.module.css';

/** The status alone where all went well, so that the eye finds what did not. */
export function Outcome({ state, status }: Pick<Turn, 'state' | 'status'>) {
  const code = status === 0 ? '' : String(status);
  if (state === 'complete') {
    return (
      <span className={styles.fine} title="The response came whole">
        {code}
      </span>
    );
  }
  return (
    <span className={styles.outcome}>
      <StateBadge state={state} />
      {code !== '' && <span className={styles.fine}>{code}</span>}
    </span>
  );
}

/** A shield where a rule changed what passed, a lock where the request was refused. */
export function RuleMark({ row }: { row: Pick<RequestRow, 'edits' | 'denied_by' | 'state' | 'error'> }) {
  const changes = row.edits.filter(({ kind }) => kind === 'rule').map(({ side, detail }) => `${side}: ${detail}`);
  const refusal =
    row.denied_by !== null
      ? `Refused by: ${row.denied_by}`
      : row.state === 'blocked'
        ? 'Refused by a guardrail'
        : undefined;
  return (
    <>
      {refusal !== undefined && (
        <Mark name={refusal}>
          <LockKeyhole size={13} aria-hidden />
        </Mark>
      )}
      {changes.length > 0 && (
        <Mark name={`Changed by a rule: ${visible(changes.join('; '))}`}>
          <ShieldCheck size={14} aria-hidden />
        </Mark>
      )}
    </>
  );
}

function Mark({ name, children }: { name: string; children: ReactNode }) {
  return (
    <span className={styles.mark} role="img" aria-label={name} title={name}>
      {children}
    </span>
  );
}

/** What was asked for, and what answered where that has another name. */
export function ModelName({ model, model_served: served }: Pick<Turn, 'model' | 'model_served'>) {
  if (model === '') return <span className={styles.faint}>no model</span>;
  return (
    <span
      className={styles.model}
      title={served === null || served === model ? undefined : `Served by ${visible(served)}`}
    >
      <Foreign>{model}</Foreign>
      {served !== null && served !== model && (
        <span className={styles.served}>
          {' → '}
          <Foreign>{inShort(served, model)}</Foreign>
        </span>
      )}
    </span>
  );
}

/** `…-20250929` where only the end is new. */
function inShort(served: string, model: string): string {
  return served.startsWith(model) ? `…${served.slice(model.length)}` : served;
}

interface TokensProps {
  of: (usage: Usage | null) => number;
  usage: Usage | null;
  usageState: string;
}

const UNSURE: Record<string, string> = {
  partial: 'counted until the response broke off',
  estimated: 'estimated',
};

/** Tokens; a tilde where the provider did not tell the last word, a dash where it told nothing. */
export function Tokens({ of, usage, usageState }: TokensProps) {
  if (usage === null) {
    return (
      <span className={styles.faint} title="The provider told no usage">
        –
      </span>
    );
  }
  const [tokens, unsure] = [of(usage), UNSURE[usageState]];
  const exact = countExact(tokens);
  return (
    <span
      className={tokens === 0 ? styles.faint : undefined}
      title={unsure === undefined ? exact : `${exact}, ${unsure}`}
    >
      {unsure !== undefined && tokens > 0 && '~'}
      {count(tokens)}
    </span>
  );
}

/** What a request cost: nothing to tell where nothing was used, and unknown where tokens have no price. */
export function Cost({ usage, cost_nanodollars: cost }: Pick<Turn, 'usage' | 'cost_nanodollars'>) {
  if (cost !== null || usage !== null) return <Money nanodollars={cost} />;
  return (
    <span className={styles.faint} title="No usage was told, so no cost is known">
      –
    </span>
  );
}

/** Which tools were called: the first by name, and how many more. */
export function ToolNames({ calls, count: all }: { calls: readonly { name: string }[]; count: number }) {
  if (all === 0) return null;
  const [first] = calls;
  const names = [...new Set(calls.map(({ name }) => name))].join(', ');
  if (first === undefined) return <span title="Their names were deleted when their time was over">{all}</span>;
  return (
    <span className={styles.tools} title={`${all} ${all === 1 ? 'call' : 'calls'}: ${visible(names)}`}>
      <Foreign most={24}>{first.name}</Foreign>
      {all > 1 && <span className={styles.faint}> +{all - 1}</span>}
    </span>
  );
}

/** Names in a line, or that there are none. */
export function Names({ names, none }: { names: readonly string[]; none: string }) {
  const known = names.filter((name) => name !== '');
  if (known.length === 0) return <span className={styles.faint}>{none}</span>;
  return known.map((name, at) => (
    <span key={name}>
      {at > 0 && ', '}
      <Foreign>{name}</Foreign>
    </span>
  ));
}

type Sums = Pick<SessionRow, 'requests' | 'usage' | 'usage_absent' | 'cost_unknown' | 'cost_nanodollars'>;

/** Tokens of several requests; the title says how many of them told no usage. */
export function SumOfTokens({ of, sums }: { of: (usage: Usage) => number; sums: Sums }) {
  const tokens = of(sums.usage);
  const lacks = sums.usage_absent === 0 ? '' : `, without ${ofAll(sums.usage_absent, sums)} that told no usage`;
  return (
    <span className={tokens === 0 ? styles.faint : undefined} title={`${countExact(tokens)}${lacks}`}>
      {count(tokens)}
    </span>
  );
}

/** What several requests cost; a plus where the cost of some is not known. */
export function SumOfMoney({ sums }: { sums: Sums }) {
  if (sums.cost_unknown === 0) return <Money nanodollars={sums.cost_nanodollars} />;
  const exact = `${moneyExact(sums.cost_nanodollars)}, without ${ofAll(sums.cost_unknown, sums)} of unknown cost`;
  return (
    <span title={exact}>
      {money(sums.cost_nanodollars)}
      <span aria-hidden>+</span>
      <span className="hidden">, and what is not known</span>
    </span>
  );
}

function ofAll(lacking: number, { requests }: Sums): string {
  return `${countExact(lacking)} of ${countExact(requests)} ${requests === 1 ? 'request' : 'requests'}`;
}
