import { useEffect, useRef } from 'react';
import type { KeyboardEvent, ReactNode } from 'react';
import styles from './choice.module.css';

interface Option<T extends string> {
  value: T;
  name: ReactNode;
}

interface ChoiceProps<T extends string> {
  label: string;
  options: readonly Option<T>[];
  chosen: T;
  onChoose: (value: T) => void;
}

/** A few settings of which one holds. */
export function Choice<T extends string>({ label, options, chosen, onChoose }: ChoiceProps<T>) {
  return (
    <div
      className={styles.choice}
      role="radiogroup"
      aria-label={label}
      onKeyDown={(event) => goBetween(event, '[role=radio]')}
    >
      {options.map(({ value, name }) => (
        <button
          key={value}
          type="button"
          role="radio"
          aria-checked={value === chosen}
          tabIndex={value === chosen ? 0 : -1}
          onClick={() => onChoose(value)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

interface TabsProps<T extends string> extends ChoiceProps<T> {
  /** What the chosen tab shows. */
  children: ReactNode;
}

/** Views of one thing. */
export function Tabs<T extends string>({ label, options, chosen, onChoose, children }: TabsProps<T>) {
  const panel = useRef<HTMLDivElement>(null);
<<<<<<< HEAD
  // On a narrow screen the row scrolls, and the chosen one may be beyond its edge.
  useEffect(() => {
    document.getElementById(`tab-${chosen}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [chosen]);
=======
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => showChosen(list.current), [chosen]);
>>>>>>> request
  return (
    <>
      <div
        ref={list}
        className={styles.tabs}
        role="tablist"
        aria-label={label}
        onKeyDown={(event) => goBetween(event, '[role=tab]')}
      >
        {options.map(({ value, name }) => (
          <button
            key={value}
            type="button"
            role="tab"
            id={`tab-${value}`}
            aria-selected={value === chosen}
            aria-controls="tab-panel"
            tabIndex={value === chosen ? 0 : -1}
            onClick={() => onChoose(value)}
          >
            {name}
          </button>
        ))}
      </div>
      <div ref={panel} id="tab-panel" role="tabpanel" aria-labelledby={`tab-${chosen}`} className={styles.panel}>
        {children}
      </div>
    </>
  );
}

/** On a narrow screen tabs scroll aside; the page itself stays where it is. */
function showChosen(list: HTMLElement | null): void {
  const chosen = list?.querySelector('[aria-selected=true]');
  if (list === null || chosen === null || chosen === undefined) return;
  const [frame, tab] = [list.getBoundingClientRect(), chosen.getBoundingClientRect()];
  if (tab.left < frame.left || tab.right > frame.right) list.scrollLeft += tab.left - frame.left - frame.width / 3;
}

/** Arrow keys go to the neighbour and choose it, as in any group of tabs. */
function goBetween(event: KeyboardEvent<HTMLElement>, which: string): void {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>(which)];
  const at = all.findIndex((element) => element === document.activeElement);
  const next = all[(at + step + all.length) % all.length];
  event.preventDefault();
  next?.focus();
  next?.click();
}
