import { X } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { Button, IconButton } from '../../../design/button.tsx';
import { Card } from '../../../design/card.tsx';
import { Choice } from '../../../design/choice.tsx';
import { ago } from '../../../design/format.ts';
import { Foreign } from '../../../design/hostile.tsx';
import { Answer, Empty, Loading } from '../../../design/states.tsx';
import type { ConfigNow, Version } from '../answers.ts';
import { usePlace } from '../use-place.ts';
import { useVersion } from '../use-version.ts';
import { Rollback } from './rollback.tsx';
import styles from './versions.module.css';

/** Comes with the editor's code. */
export const DiffView = lazy(async () => ({ default: (await import('../editor/diff-view.tsx')).DiffView }));

/** What one version changed, or what lies between it and what holds now. */
export function VersionCard({ number, now }: { number: number; now: ConfigNow }) {
  const version = useVersion(number);
  return (
    <Answer of={version} lines={10}>
      {(found) => <Found version={found} now={now} />}
    </Answer>
  );
}

function Found({ version, now }: { version: Version; now: ConfigNow }) {
  const [{ against = 'previous' }, go] = usePlace();
  const [asking, setAsking] = useState(false);
  const { number, author, at, note } = version;
  const isNow = version.hash === now.hash;
  return (
    <Card
      title={`Version ${number}`}
      note={
        <>
          saved {ago(at)} by <Foreign>{author}</Foreign>
          {note !== '' && (
            <>
              : <Foreign>{note}</Foreign>
            </>
          )}
        </>
      }
      actions={
        <>
          <Choice
            label="Compared with"
            options={[
              { value: 'previous', name: 'What it changed' },
              { value: 'now', name: 'From it to now' },
            ]}
            chosen={against}
            onChoose={(value) => go({ against: value })}
          />
          <Button disabled={isNow || now.read_only} onClick={() => setAsking(true)}>
            Roll back to it
          </Button>
          <IconButton label="Close" onClick={() => go({ version: undefined, against: undefined })}>
            <X size={16} />
          </IconButton>
        </>
      }
    >
      <div className={styles.diff}>
        <Suspense fallback={<Loading lines={6} />}>
          {against === 'previous' ? (
            <Changed version={version} />
          ) : (
            <DiffView label={`From version ${number} to now`} before={version.config} after={now.config} />
          )}
        </Suspense>
      </div>
      {asking && <Rollback version={version} now={now} onClose={() => setAsking(false)} />}
    </Card>
  );
}

function Changed({ version: { number, previous, config } }: { version: Version }) {
  const before = useVersion(previous ?? 0);
  if (previous === null) return <Empty title="The first version">There is none before it.</Empty>;
  return (
    <Answer of={before} lines={6}>
      {(found) => <DiffView label={`What version ${number} changed`} before={found.config} after={config} />}
    </Answer>
  );
}
