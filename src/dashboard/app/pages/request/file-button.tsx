import { Download } from 'lucide-react';
import { useState } from 'react';
import { getBytes } from '../../api/client.ts';
import { Button } from '../../design/button.tsx';
import styles from './file-button.module.css';

interface FileButtonProps {
  path: string;
  /** The file's. */
  name: string;
  children: string;
}

/** Gives an answer of the API as a file. A link would do, and say nothing where the gateway says no. */
export function FileButton({ path, name, children }: FileButtonProps) {
  const [state, setState] = useState<{ at: 'idle' | 'asks' } | { at: 'failed'; why: string }>({ at: 'idle' });
  const save = async () => {
    setState({ at: 'asks' });
    try {
      give(new Blob([new Uint8Array(await getBytes(path))], { type: 'application/octet-stream' }), name);
      setState({ at: 'idle' });
    } catch (error) {
      setState({ at: 'failed', why: error instanceof Error ? error.message : 'That did not work.' });
    }
  };
  return (
    <>
      <Button
        look="quiet"
        icon={<Download size={15} aria-hidden />}
        disabled={state.at === 'asks'}
        onClick={() => void save()}
      >
        {children}
      </Button>
      {state.at === 'failed' && (
        <span className={styles.why} role="alert">
          {state.why}
        </span>
      )}
    </>
  );
}

function give(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // Chromium reads it after the click.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
