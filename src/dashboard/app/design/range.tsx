import { CalendarRange } from 'lucide-react';
import { useRef, useState } from 'react';
import { Button } from './button.tsx';
import { Choice } from './choice.tsx';
import { localText, spanOf } from './local-time.ts';
import type { Span } from './local-time.ts';
import { useOutside } from './picker.tsx';
import styles from './range.module.css';
import { PRESETS, rangeOf } from './time-range.ts';
import type { Preset, RangeSearch } from './time-range.ts';
import { TimeSpan } from './time-span.tsx';

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
  const [typed, setTyped] = useState<Span>({ from: localText(now.from), to: localText(now.to) });
  const span = spanOf(typed);
  return (
    <form
      className={styles.panel}
      onSubmit={(event) => {
        event.preventDefault();
        if (span !== undefined) onChange({ range: undefined, ...span });
      }}
    >
      <TimeSpan span={typed} onChange={setTyped} />
      {span === undefined && <p role="alert">The end must be after the beginning.</p>}
      <Button look="primary" type="submit" disabled={span === undefined}>
        Show
      </Button>
    </form>
  );
}

function spoken({ from, to }: RangeSearch): string {
  const text = (at: string) =>
    new Date(at).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  if (from === undefined) return to === undefined ? '' : `until ${text(to)}`;
  return to === undefined ? `since ${text(from)}` : `${text(from)} – ${text(to)}`;
}
