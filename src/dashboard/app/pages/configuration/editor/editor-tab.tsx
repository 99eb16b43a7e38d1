import { useMemo, useRef, useState } from 'react';
import { useApi } from '../../../api/use-api.ts';
import { Badge } from '../../../design/badge.tsx';
import { Button } from '../../../design/button.tsx';
import { Card } from '../../../design/card.tsx';
import { ago } from '../../../design/format.ts';
import { Foreign } from '../../../design/hostile.tsx';
import { Answer } from '../../../design/states.tsx';
import { ConfigNow } from '../answers.ts';
import type { Remark, Saved } from '../answers.ts';
import { placeOf } from '../config-text.ts';
import { useDraft } from '../draft.tsx';
import { useVersion } from '../use-version.ts';
import { Banner } from './banner.tsx';
import { CodeEditor } from './code-editor.tsx';
import type { EditorHandle, Mark } from './code-editor.tsx';
import styles from './editor.module.css';
import { Problems } from './problems.tsx';
import { Review } from './review.tsx';
import { useValidation } from './use-validation.ts';
import type { Checked } from './use-validation.ts';

/** So soon one sees that somebody else has saved. */
const LOOK_AGAIN_MS = 20_000;

export function EditorTab() {
  const now = useApi('/api/config', ConfigNow, { everyMs: LOOK_AGAIN_MS });
  return (
    <Answer of={now} lines={16}>
      {(config) => <Desk now={config} />}
    </Answer>
  );
}

function Desk({ now }: { now: ConfigNow }) {
  const draft = useDraft();
  const base = draft.base ?? { text: now.config, hash: now.hash, number: now.number };
  const text = draft.text ?? now.config;
  const checked = useValidation(text, now.hash);
  const editor = useRef<EditorHandle>(null);
  const [reviewing, setReviewing] = useState(false);
  const [saved, setSaved] = useState<Saved | undefined>(undefined);
  const { errors, warnings } = checked.validation ?? { errors: [], warnings: [] };
  const marks = useMemo(
    () => (checked.isStale || checked.validation === undefined ? undefined : marksOf(text, checked.validation)),
    [text, checked.isStale, checked.validation],
  );
  const isSound = !checked.isStale && checked.validation?.Valid === true;
  return (
    <>
      {now.read_only && (
        <Banner>
          This config is deployed from a file (<code>--config-readonly</code>): change it where that file is kept, and
          deploy it again.
        </Banner>
      )}
      {saved !== undefined && <SavedBanner saved={saved} onClose={() => setSaved(undefined)} />}
      {draft.isChanged && base.hash !== now.hash && (
        <Banner tone="warn" actions={<Button onClick={() => setReviewing(true)}>Look at both</Button>}>
          Somebody saved version {now.number} while you were writing.
        </Banner>
      )}
      <Card
        title={versionName(base.number)}
        note={<LastSaved number={base.number} />}
        actions={
          <>
            <span className={styles.state} role="status">
              <StateOf checked={checked} isChanged={draft.isChanged} />
            </span>
            <Button look="quiet" disabled={!draft.isChanged} onClick={draft.drop}>
              Discard changes
            </Button>
            <Button
              look="primary"
              disabled={!draft.isChanged || !isSound || now.read_only}
              onClick={() => {
                setSaved(undefined);
                setReviewing(true);
              }}
            >
              Review and save
            </Button>
          </>
        }
        flush
      >
        <CodeEditor
          ref={editor}
          label="Config, HuJSON"
          text={text}
          readOnly={now.read_only}
          marks={marks}
          onChange={(changed) => draft.write(base, changed)}
        />
        <div className={styles.problems} tabIndex={0} role="region" aria-label="Problems">
          {checked.validation !== undefined && (
            <Problems
              errors={errors}
              warnings={warnings}
              onGo={(remark) => editor.current?.goTo(placeOf(text, remark))}
            />
          )}
          {checked.error !== undefined && (
            <p className={styles.quiet} role="alert">
              It could not be checked: {checked.error.message}
            </p>
          )}
        </div>
      </Card>
      {reviewing && draft.isChanged && (
        <Review
          now={now}
          base={base}
          text={text}
          warnings={warnings}
          onClose={() => setReviewing(false)}
          onSaved={(answer) => {
            setReviewing(false);
            setSaved(answer);
          }}
        />
      )}
    </>
  );
}

function versionName(number: number): string {
  return number === 0 ? 'The running config' : `Version ${number}`;
}

/** By whom and why. */
function LastSaved({ number }: { number: number }) {
  const entry = useVersion(number).data;
  if (entry === undefined) return <>HuJSON: comments and trailing commas are kept</>;
  return (
    <>
      saved {ago(entry.at)} by <Foreign>{entry.author}</Foreign>
      {entry.note !== '' && (
        <>
          : <Foreign>{entry.note}</Foreign>
        </>
      )}
    </>
  );
}

function StateOf({ checked: { validation, isStale, error }, isChanged }: { checked: Checked; isChanged: boolean }) {
  if (error !== undefined) return <Badge tone="warn">Not checked</Badge>;
  if (isStale || validation === undefined) return <Badge>Checking…</Badge>;
  const { length } = validation.errors;
  if (length > 0) return <Badge tone="bad">{length === 1 ? '1 problem' : `${length} problems`}</Badge>;
  return isChanged ? <Badge tone="accent">Not saved</Badge> : <Badge tone="good">Saved</Badge>;
}

function SavedBanner({ saved: { number, needs_restart }, onClose }: { saved: Saved; onClose: () => void }) {
  return (
    <Banner
      tone={needs_restart.length === 0 ? 'good' : 'warn'}
      actions={
        <Button look="quiet" onClick={onClose}>
          Close
        </Button>
      }
    >
      Version {number} is saved and holds.
      {needs_restart.length > 0 && (
        <>
          {' '}
          After a restart alone: <code>{needs_restart.join(', ')}</code>
        </>
      )}
    </Banner>
  );
}

function marksOf(
  text: string,
  { errors, warnings }: { errors: readonly Remark[]; warnings: readonly Remark[] },
): Mark[] {
  const mark = (severity: Mark['severity']) => (remark: Remark) => ({
    ...placeOf(text, remark),
    severity,
    message: remark.path === '' ? remark.message : `${remark.path}: ${remark.message}`,
  });
  return [...errors.map(mark('error')), ...warnings.map(mark('warning'))];
}
