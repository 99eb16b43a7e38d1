import { useMe } from '../../../shell/me.tsx';
import { CopyButton } from '../../../design/button.tsx';
import { Dialog } from '../../../design/dialog.tsx';
import { ForeignText } from '../../../design/hostile.tsx';
import { Failure, Loading } from '../../../design/states.tsx';
import { bodyPath, bodyState, isEventStream } from '../availability.ts';
import type { BodyState } from '../availability.ts';
import type { RequestRecord } from '../record.ts';
import { FileButton } from '../file-button.tsx';
import { useBody } from '../use-body.ts';
import { useNow } from '../use-now.ts';
import styles from './curl-dialog.module.css';
import { curlOf } from './curl.ts';
import type { Curl } from './curl.ts';

interface CurlDialogProps {
  record: RequestRecord;
  onClose: () => void;
}

/** The command that sends the same again. */
export function CurlDialog({ record, onClose }: CurlDialogProps) {
  const state = bodyState(record, 'request', useMe(), useNow());
  const isRead = state.at === 'there' && state.encoding === '' && state.bytes < MOST_READ_BYTES;
  const body = useBody(isRead ? state.path : undefined);
  const waits = isRead && body.data === undefined && body.error === null;
  return (
    <Dialog title="Send it again with curl" wide onClose={onClose}>
      {waits ? (
        <Loading lines={6} />
      ) : body.error !== null ? (
        <Failure error={body.error} />
      ) : (
        <Command record={record} state={state} curl={commandOf(record, state, body.data)} />
      )}
    </Dialog>
  );
}

/** Above this a body goes by a file whatever it says. */
const MOST_READ_BYTES = 200_000;

function commandOf(record: RequestRecord, state: BodyState, bytes: Uint8Array | undefined): Curl {
  const hasBody = state.at === 'there' || state.download !== null;
  const text = bytes === undefined ? undefined : strictText(bytes);
  return curlOf({
    origin: window.location.origin,
    id: record.id,
    method: record.method,
    path: record.path,
    headers: record.capture?.request_headers ?? [],
    body: text ?? (hasBody ? '' : null),
    bodyIsFile: hasBody && text === undefined,
    wasUnpacked: record.edits.some(({ kind }) => kind === 'content_encoding'),
    wantsEvents: isEventStream(record),
  });
}

/** Undefined where the bytes are no UTF-8: in a command they would be others. */
function strictText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function Command({ record, state, curl }: { record: RequestRecord; state: BodyState; curl: Curl }) {
  return (
    <>
      <div className={styles.command} role="region" aria-label="Command" tabIndex={0}>
        <ForeignText text={curl.command} code />
      </div>
      <ul className={styles.notes}>
        {curl.file !== undefined && (
          <li>
            Its body is too large or too strange for a command.{' '}
            <FileButton path={bodyPath(record.id, 'request')} name={curl.file}>
              Download it
            </FileButton>
            as <code>{curl.file}</code>, beside which the command runs.
          </li>
        )}
        {curl.credentials.length > 0 && (
          <li>
            Without its credentials: {curl.credentials.join(', ')}. The gateway knows you by where you are, or by a
            token of your own.
          </li>
        )}
        {state.at === 'missing' && state.title !== 'No body' && <li>Without its body: {state.why}</li>}
      </ul>
      <div className={styles.copy}>
        <CopyButton label="Copy the command" text={curl.command} />
      </div>
    </>
  );
}
