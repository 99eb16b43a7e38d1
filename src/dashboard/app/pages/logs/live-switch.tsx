import styles from './live-switch.module.css';

/** `unseen`: the page is hidden. `chosen`: a row has the focus. `impossible`: the time ends before now. */
export type LiveState = 'off' | 'running' | 'unseen' | 'chosen' | 'impossible';

const WORDS: Record<LiveState, string> = {
  off: '',
  running: 'Looking every 2 s',
  unseen: 'Paused while the page is hidden',
  chosen: 'Paused while a row is chosen; Esc goes on',
  impossible: 'The time shown has ended',
};

interface LiveSwitchProps {
  state: LiveState;
  error: Error | null;
  onSwitch: (on: boolean) => void;
}

/** Whether new requests come in by themselves, and why they do not. */
export function LiveSwitch({ state, error, onSwitch }: LiveSwitchProps) {
  const isOn = state !== 'off' && state !== 'impossible';
  return (
    <div className={styles.live}>
      <span className={styles.words} role="status" data-bad={error !== null}>
        {error === null ? WORDS[state] : `${error.message} Asking again.`}
      </span>
      <button
        type="button"
        role="switch"
        aria-checked={isOn}
        className={styles.switch}
        data-running={state === 'running' && error === null}
        disabled={state === 'impossible'}
        onClick={() => onSwitch(!isOn)}
      >
        <i className={styles.track} aria-hidden />
        Live
      </button>
    </div>
  );
}
