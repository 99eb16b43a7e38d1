import { CalendarRange } from 'lucide-react';
import { useRef, useState } from 'react';
import { Button } from './button.tsx';
import { Choice } from './choice.tsx';
import { useOutside } from './picker.tsx';
import styles from './range.module.css';
import { PRESETS, rangeOf } from './time-range.ts';
import type { Preset, RangeSearch } from './time-range.ts';

interface RangePickerProps {
  search: RangeSearch;
  otherwise: Preset;
  onChange: (search: RangeSearch) => void;
}

export function RangePicker({ search, otherwise, onChange }: RangePickerProps) {
  const [open, setOpen] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  useOutside(frame, open, () => setOpen(false));
  const isCustom = search.from !== undefined || search.to !== undefined;
  return (
    <div ref={frame} className={styles.range}>
      <Choice<Preset | ''>
        label="Time"
        options={PRESETS.map((value) => ({ value, name: value }))}
        chosen={isCustom ? '' : (search.range ?? otherwise)}
        onChoose={(value) => {
          if (value !== '') onChange({ range: value, from: undefined, to: undefined });
        }}
      />
      <Button
        look={isCustom ? 'plain' : 'quiet'}
        icon={<CalendarRange size={15} aria-hidden />}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {isCustom ? spoken(search) : 'Custom'}
      </Button>
      {open && (
        <Custom
          search={search}
          otherwise={otherwise}
          onChange={(chosen) => {
            onChange(chosen);
            setOpen(false);
          }}
        />
      )}
    </div>
  );
}

function Custom({ search, otherwise, onChange }: RangePickerProps) {
  const now = rangeOf(search, otherwise);
  const [from, setFrom] = useState(localText(now.from));
  const [to, setTo] = useState(localText(now.to));
  const isWrong = !(Date.parse(from) < Date.parse(to));
  return (
    <form
      className={styles.panel}
      onSubmit={(event) => {
        event.preventDefault();
        onChange({ range: undefined, from: new Date(from).toISOString(), to: new Date(to).toISOString() });
      }}
    >
      <label>
        From
        <input type="datetime-local" value={from} onChange={(event) => setFrom(event.target.value)} required />
      </label>
      <label>
        To
        <input type="datetime-local" value={to} onChange={(event) => setTo(event.target.value)} required />
      </label>
      {isWrong && <p role="alert">The end must be after the beginning.</p>}
      <Button look="primary" type="submit" disabled={isWrong}>
        Show
      </Button>
    </form>
  );
}

/** As an input for local times wants it. */
function localText(at: string): string {
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function spoken({ from, to }: RangeSearch): string {
  const text = (at: string) =>
    new Date(at).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  if (from === undefined) return to === undefined ? '' : `until ${text(to)}`;
  return to === undefined ? `since ${text(from)}` : `${text(from)} – ${text(to)}`;
}
