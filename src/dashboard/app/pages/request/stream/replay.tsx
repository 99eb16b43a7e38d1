import { Pause, Play } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Button } from '../../../design/button.tsx';
import { Choice } from '../../../design/choice.tsx';
import { Foreign, Marked } from '../../../design/hostile.tsx';
import { clockOf, stretchesShown } from './replay-text.ts';
import styles from './replay.module.css';
import type { Said } from './said.ts';

interface ReplayProps {
  said: Said;
  /** Events that have come at the moment that is shown. */
  come: number;
  /** That moment, in ms since the request was received. */
  atMs: number;
  endMs: number;
  onMove: (atMs: number) => void;
}

const SPEEDS = ['1', '4', '16'] as const;
type Speed = (typeof SPEEDS)[number];

export function Replay({ said, come, atMs, endMs, onMove }: ReplayProps) {
  const [plays, setPlays] = useState(false);
  const [speed, setSpeed] = useState<Speed>('1');
  const isAtEnd = atMs >= endMs;
  useFrames(plays && !isAtEnd, (sinceMs) => {
    const nextMs = Math.min(endMs, atMs + sinceMs * Number(speed));
    if (nextMs === endMs) setPlays(false);
    onMove(nextMs);
  });
  const runs = plays && !isAtEnd;
  const press = () => {
    if (isAtEnd) onMove(0);
    setPlays(!runs);
  };
  return (
    <div className={styles.replay}>
      <div className={styles.controls}>
        <Button
          look="primary"
          icon={runs ? <Pause size={15} aria-hidden /> : <Play size={15} aria-hidden />}
          onClick={press}
        >
          {runs ? 'Pause' : 'Play'}
        </Button>
        <Choice<Speed>
          label="Speed"
          options={SPEEDS.map((value) => ({ value, name: `${value}×` }))}
          chosen={speed}
          onChoose={setSpeed}
        />
        <input
          className={styles.slider}
          type="range"
          aria-label="Place in the stream"
          aria-valuetext={`${clockOf(atMs)} of ${clockOf(endMs)}`}
          min={0}
          max={Math.ceil(endMs)}
          step={1}
          value={Math.round(atMs)}
          onChange={(event) => onMove(Math.min(endMs, Number(event.target.value)))}
        />
        <span className={styles.clock}>
          {clockOf(atMs)} / {clockOf(endMs)}
        </span>
      </div>
      <Screen said={said} come={come} />
    </div>
  );
}

/** Calls for each frame while it runs, with the ms since the one before. */
function useFrames(runs: boolean, step: (sinceMs: number) => void): void {
  const latest = useRef(step);
  useEffect(() => {
    latest.current = step;
  });
  useEffect(() => {
    if (!runs) return;
    let before: number | undefined;
    let frame = requestAnimationFrame(function next(nowMs) {
      if (before !== undefined) latest.current(nowMs - before);
      before = nowMs;
      frame = requestAnimationFrame(next);
    });
    return () => cancelAnimationFrame(frame);
  }, [runs]);
}

const NAMES = { text: '', thinking: 'Thinking', call: 'Calls' };

/** What the reader had at that moment: its end, as one follows a text that grows. */
function Screen({ said, come }: { said: Said; come: number }) {
  const frame = useRef<HTMLDivElement>(null);
  const until = come === 0 ? 0 : (said.until[come - 1] ?? 0);
  useEffect(() => {
    const element = frame.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
  }, [until]);
  const { stretches, hidden } = stretchesShown(said, until);
  return (
    <div ref={frame} className={styles.screen} role="region" aria-label="Replayed text" tabIndex={0} data-until={until}>
      {come === 0 && <p className={styles.waiting}>Waiting for the first byte</p>}
      {come > 0 && said.text === '' && <p className={styles.waiting}>This stream says nothing in words.</p>}
      {hidden > 0 && <p className={styles.waiting}>…</p>}
      {stretches.map(({ kind, name, text, from }) => (
        <div key={from} className={styles.stretch} data-kind={kind}>
          {NAMES[kind] !== '' && (
            <p className={styles.kind}>
              {NAMES[kind]} {name !== '' && <Foreign most={80}>{name}</Foreign>}
            </p>
          )}
          <pre dir="auto">
            <Marked text={text} />
          </pre>
        </div>
      ))}
    </div>
  );
}
