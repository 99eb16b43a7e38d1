import { Check, ChevronDown, X } from 'lucide-react';
import { useEffect, useId, useRef, useState } from 'react';
import styles from './picker.module.css';
import { useListKeys } from './use-list-keys.ts';

export interface PickerOption {
  value: string;
  name?: string;
  /** Beside it, smaller. */
  note?: string;
}

interface PickerProps {
  /** What is picked: `Model`. */
  label: string;
  options: readonly PickerOption[];
  picked: string | undefined;
  onPick: (value: string | undefined) => void;
  /** One of them always holds: there is no way to have none. */
  always?: boolean;
  /** A value that is not among the options may be typed. */
  free?: boolean;
  /** It was opened, or is about to be: options that are asked for only then can come. */
  onOpen?: () => void;
  /** The options are on their way. */
  loading?: boolean;
}

const MOST_SHOWN = 200;

/** A filter of which one value holds, or none: a button that opens a list one can type into. */
export function Picker(props: PickerProps) {
  const { label, options, picked, onPick, always = false, free = false, onOpen, loading = false } = props;
  const [open, setOpen] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useOutside(frame, open, () => setOpen(false));
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const name = options.find(({ value }) => value === picked)?.name ?? picked;
  return (
    <div ref={frame} className={styles.picker}>
      <button
        ref={button}
        type="button"
        className={styles.button}
        data-picked={picked !== undefined && !always}
        aria-haspopup="listbox"
        aria-expanded={open}
        onPointerEnter={onOpen}
        onFocus={onOpen}
        onClick={() => {
          onOpen?.();
          setOpen(!open);
        }}
      >
        <span className={styles.label}>{label}</span>
        {name !== undefined && <b className={styles.name}>{name === '' ? '(none)' : name}</b>}
        <ChevronDown size={14} aria-hidden />
      </button>
      {picked !== undefined && !always && (
        <button
          type="button"
          className={styles.clear}
          aria-label={`Any ${label.toLowerCase()}`}
          onClick={() => onPick(undefined)}
        >
          <X size={14} aria-hidden />
        </button>
      )}
      {open && (
        <List
          label={label}
          options={options}
          picked={picked}
          free={free}
          loading={loading}
          onPick={(value) => {
            onPick(value);
            close();
          }}
          onLeave={close}
        />
      )}
    </div>
  );
}

type ListProps = Omit<PickerProps, 'onOpen' | 'always'> & { onLeave: () => void };

function List({ label, options, picked, free = false, loading = false, onPick, onLeave }: ListProps) {
  const id = useId();
  const [typed, setTyped] = useState('');
  const wanted = typed.trim().toLowerCase();
  const found = options
    .filter(({ value, name = value }) => `${name} ${value}`.toLowerCase().includes(wanted))
    .slice(0, MOST_SHOWN);
  const isNew = free && wanted !== '' && !found.some(({ value }) => value.toLowerCase() === wanted);
  const shown: readonly PickerOption[] = isNew ? [...found, { value: typed.trim(), note: 'as typed' }] : found;
  const take = (place: number) => {
    const option = shown[place];
    if (option !== undefined) onPick(option.value);
  };
  const { at, setAt, list, onKeyDown } = useListKeys(shown.length, take, onLeave);
  return (
    <div className={styles.panel}>
      <input
        className={styles.search}
        placeholder={free ? 'Find or type' : 'Find'}
        role="combobox"
        aria-label={label}
        aria-expanded
        aria-controls={id}
        aria-activedescendant={shown[at] === undefined ? undefined : `${id}-${at}`}
        autoFocus
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul ref={list} id={id} role="listbox" aria-label={label} className={styles.list}>
        {shown.map(({ value, name = value, note }, index) => (
          <li
            key={value}
            id={`${id}-${index}`}
            role="option"
            aria-selected={value === picked}
            data-at={index === at}
            onMouseMove={() => setAt(index)}
            onMouseDown={(event) => {
              event.preventDefault();
              onPick(value);
            }}
          >
            <span className={styles.optionName}>{name === '' ? '(none)' : name}</span>
            {note !== undefined && <small>{note}</small>}
            {value === picked && <Check size={14} aria-hidden />}
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className={styles.nothing}>{loading ? 'Loading' : 'Nothing like that'}</p>}
    </div>
  );
}

/** Calls when something outside of the element is pressed, or the focus goes there. */
export function useOutside(frame: React.RefObject<HTMLElement | null>, active: boolean, leave: () => void): void {
  useEffect(() => {
    if (!active) return;
    const outside = (event: Event) => {
      if (event.target instanceof Node && frame.current?.contains(event.target) === false) leave();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  });
}
