import { useState } from 'react';
import { Picker } from '../../design/picker.tsx';
import { useMe } from '../../shell/me.tsx';
import styles from './filters.module.css';

interface HeaderFilterProps {
  label: string;
  /** A name, or `name:value`. */
  picked: string | undefined;
  onPick: (value: string | undefined) => void;
}

/** By a header that the config keeps: that it is there, or what it says. */
export function HeaderFilter({ label, picked, onPick }: HeaderFilterProps) {
  const names = useMe().filterable_headers;
  const [name, value] = partsOf(picked);
  return (
    <span className={styles.pair}>
      <Picker label={label} options={names.map((each) => ({ value: each }))} picked={name} onPick={onPick} />
      {name !== undefined && (
        <ValueInput
          key={picked}
          label={`Value of ${name}`}
          value={value}
          onSay={(said) => onPick(said === '' ? name : `${name}:${said}`)}
        />
      )}
    </span>
  );
}

function partsOf(picked: string | undefined): [name: string | undefined, value: string] {
  const colon = picked?.indexOf(':') ?? -1;
  if (picked === undefined || colon < 0) return [picked, ''];
  return [picked.slice(0, colon), picked.slice(colon + 1)];
}

/** Takes effect when it is left, or with Enter: each letter would be a question. */
function ValueInput({ label, value, onSay }: { label: string; value: string; onSay: (said: string) => void }) {
  const [said, say] = useState(value);
  const tell = () => {
    if (said.trim() !== value) onSay(said.trim());
  };
  return (
    <input
      className={styles.value}
      aria-label={label}
      placeholder="any value"
      autoComplete="off"
      spellCheck={false}
      value={said}
      onChange={(event) => say(event.target.value)}
      onBlur={tell}
      onKeyDown={(event) => {
        if (event.key === 'Enter') tell();
      }}
    />
  );
}
