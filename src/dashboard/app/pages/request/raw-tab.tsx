import { useMe } from '../../shell/me.tsx';
import { Card } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { bytes as size } from '../../design/format.ts';
import { Failure, Loading } from '../../design/states.tsx';
import { bodyState } from './availability.ts';
import type { BodyState } from './availability.ts';
import { FileButton } from './file-button.tsx';
import { Lost } from './lost.tsx';
import { Missing } from './missing.tsx';
import styles from './raw-tab.module.css';
import type { RequestRecord } from './record.ts';
import type { RequestSearch, Side } from './search.ts';
import { TextView } from './text/text-view.tsx';
import { useBody } from './use-body.ts';
import { useNow } from './use-now.ts';

interface RawTabProps {
  record: RequestRecord;
  search: RequestSearch;
  change: (said: Partial<RequestSearch>) => void;
}

/** Both bodies as they were on the wire to and from the provider. */
export function RawTab({ record, search, change }: RawTabProps) {
  const side = search.side ?? 'response';
  const form = search.form ?? 'laid-out';
  const state = bodyState(record, side, useMe(), useNow());
  return (
    <>
      <Lost record={record} />
      <Card
        flush
        title={<Title side={side} state={state} />}
        actions={
          <>
            <Choice<Side>
              label="Whose body"
              options={[
                { value: 'request', name: 'Request' },
                { value: 'response', name: 'Response' },
              ]}
              chosen={side}
              onChoose={(to) => change({ side: to })}
            />
            <Choice<'laid-out' | 'as-it-came'>
              label="Form"
              options={[
                { value: 'laid-out', name: 'Laid out' },
                { value: 'as-it-came', name: 'As it came' },
              ]}
              chosen={form}
              onChoose={(to) => change({ form: to })}
            />
            {state.at === 'there' && (
              <FileButton path={state.path} name={`${record.id}-${side}`}>
                File
              </FileButton>
            )}
          </>
        }
      >
        {state.at === 'missing' ? (
          <Missing state={state} />
        ) : (
          <Body
            key={side}
            state={state}
            label={side === 'request' ? 'Request body' : 'Response body'}
            layOut={form === 'laid-out'}
            find={search.find ?? ''}
            onFind={(find) => change({ find: find === '' ? undefined : find })}
          />
        )}
      </Card>
    </>
  );
}

function Title({ side, state }: { side: Side; state: BodyState }) {
  return (
    <>
      {side === 'request' ? 'Request' : 'Response'}
      {state.at === 'there' && (
        <small className={styles.size} title={`${state.bytes} bytes`}>
          {size(state.bytes)}
        </small>
      )}
    </>
  );
}

interface BodyProps {
  state: Extract<BodyState, { at: 'there' }>;
  label: string;
  layOut: boolean;
  find: string;
  onFind: (wanted: string) => void;
}

function Body({ state, label, layOut, find, onFind }: BodyProps) {
  const body = useBody(state.path);
  if (body.error !== null) return <Failure error={body.error} again={() => void body.refetch()} />;
  if (body.data === undefined) return <Loading lines={12} />;
  return (
    <TextView
      label={label}
      name={state.path}
      bytes={body.data}
      encoding={state.encoding}
      layOut={layOut}
      find={find}
      onFind={onFind}
    />
  );
}
