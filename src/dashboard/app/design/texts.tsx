import { CopyButton } from './button.tsx';
import { count, countExact, money, moneyExact, time } from './format.ts';
import { ForeignText } from './hostile.tsx';
import styles from './texts.module.css';

/** A time as people say it; in UTC to the microsecond in its title. */
export function Time({ at }: { at: string }) {
  return (
    <time dateTime={at} title={at}>
      {time(at)}
    </time>
  );
}

/** Money, or that it is not known. */
export function Money({ nanodollars }: { nanodollars: string | null }) {
  if (nanodollars === null) return <span title="The price of this model is not known">unknown</span>;
  return <span title={moneyExact(nanodollars)}>{money(nanodollars)}</span>;
}

export function Count({ of }: { of: number }) {
  return <span title={countExact(of)}>{count(of)}</span>;
}

/** Code or a body, with a way to take it along. */
export function CodeBlock({ text, label }: { text: string; label: string }) {
  return (
    <figure className={styles.code} aria-label={label}>
      <div className={styles.copy}>
        <CopyButton text={text} />
      </div>
      <ForeignText text={text} code />
    </figure>
  );
}
