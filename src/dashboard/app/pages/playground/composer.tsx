import { SendHorizontal, Square } from 'lucide-react';
import { useState } from 'react';
import type { KeyboardEvent } from 'react';
import { Button } from '../../design/button.tsx';
import styles from './playground.module.css';

interface ComposerProps {
  /** Why nothing can be sent now; undefined when it can. */
  hindrance: string | undefined;
  isRunning: boolean;
  onSend: (text: string) => void;
  onStop: () => void;
}

/** Enter sends, Shift with Enter begins a line, Escape stops what comes. */
export function Composer({ hindrance, isRunning, onSend, onStop }: ComposerProps) {
  const [typed, setTyped] = useState('');
  const maySend = hindrance === undefined && !isRunning && typed.trim() !== '';
  const send = () => {
    if (!maySend) return;
    onSend(typed);
    setTyped('');
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && isRunning) onStop();
    // Enter also ends the choice of a character in some scripts.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        aria-label="Your turn"
        className={styles.typed}
        rows={2}
        value={typed}
        placeholder={hindrance ?? 'Ask something. Enter sends, Shift + Enter begins a line'}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={keys}
      />
      {isRunning ? (
        <Button icon={<Square size={14} aria-hidden />} onClick={onStop}>
          Stop
        </Button>
      ) : (
        <Button look="primary" type="submit" icon={<SendHorizontal size={15} aria-hidden />} disabled={!maySend}>
          Send
        </Button>
      )}
    </form>
  );
}
