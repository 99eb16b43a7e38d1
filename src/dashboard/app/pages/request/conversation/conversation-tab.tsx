import { useMe } from '../../../shell/me.tsx';
import { Button } from '../../../design/button.tsx';
import { Card } from '../../../design/card.tsx';
import { count, countExact } from '../../../design/format.ts';
import { Foreign, ForeignText } from '../../../design/hostile.tsx';
import { Empty, Failure, Loading } from '../../../design/states.tsx';
import { captureMissing } from '../availability.ts';
import type { BodyState } from '../availability.ts';
import { Fold } from '../fold.tsx';
import { Lost } from '../lost.tsx';
import { Missing } from '../missing.tsx';
import type { RequestRecord } from '../record.ts';
import type { Side } from '../search.ts';
import { useNow } from '../use-now.ts';
import styles from './conversation-tab.module.css';
import type { Answer, Conversation, Exchange, ToolOffer, Turn } from './model.ts';
import { Earlier, Turns } from './turns.tsx';
import { isConversation } from './read.ts';
import { useExchange } from './use-exchange.ts';

interface ConversationTabProps {
  record: RequestRecord;
  /** To the raw view of a side that says nothing here. */
  onRaw: (side: Side) => void;
}

/** What was said: what is new with this request first, with what led to it folded above, and the answer. */
export function ConversationTab({ record, onRaw }: ConversationTabProps) {
  const me = useMe();
  const nowMs = useNow();
  if (record.capture === null) {
    const { title, why } = captureMissing(record, me, nowMs);
    return (
      <Card>
        <Empty title={title}>{why}</Empty>
      </Card>
    );
  }
  if (!isConversation(record.api)) {
    return (
      <Card>
        <Empty title="No conversation">This API has none to show. The raw view has what was sent and answered.</Empty>
      </Card>
    );
  }
  return <Bodies record={record} onRaw={onRaw} />;
}

function Bodies({ record, onRaw }: ConversationTabProps) {
  const { asked, answered, request, response, read } = useExchange(record);
  if (read.error !== null) return <Failure error={read.error} />;
  if (read.data === undefined) {
    return (
      <Card>
        <Loading lines={10} />
      </Card>
    );
  }
  return (
    <div className={styles.conversation}>
      <Lost record={record} />
      <Asked exchange={read.data} state={asked} failed={request.error} onRaw={() => onRaw('request')} />
      <Answered exchange={read.data} state={answered} failed={response.error} onRaw={() => onRaw('response')} />
    </div>
  );
}

interface HalfProps {
  exchange: Exchange;
  state: BodyState;
  failed: Error | null;
  onRaw: () => void;
}

function Asked({ exchange: { asked }, state, failed, onRaw }: HalfProps) {
  if (asked === null) {
    return (
      <Card title="Asked">
        <Unread state={state} failed={failed} onRaw={onRaw} />
      </Card>
    );
  }
  const [earlier, fresh] = [asked.turns.slice(0, asked.newFrom), asked.turns.slice(asked.newFrom)];
  return (
    <Card title="Asked" note={contextNote(asked, earlier.length)}>
      <div className={styles.context}>
        {asked.continues !== '' && (
          <p className={styles.quiet}>
            Goes on from <Foreign most={80}>{asked.continues}</Foreign>, which the provider remembers.
          </p>
        )}
        {asked.system.length > 0 && (
          <Fold title="System prompt" note={countOf(asked.system)}>
            {() => <Turns turns={asked.system} calls={new Map()} />}
          </Fold>
        )}
        {asked.tools.length > 0 && <Offers tools={asked.tools} />}
        {asked.settings.length > 0 && <Settings settings={asked.settings} />}
        {earlier.length > 0 && <Earlier turns={earlier} leftOut={asked.leftOut} all={asked.turns} />}
      </div>
      {fresh.length > 0 ? (
        <Turns turns={fresh} calls={callNames(asked.turns)} />
      ) : (
        <p className={styles.quiet}>Nothing is new: the last word in this request is the model’s own.</p>
      )}
    </Card>
  );
}

function contextNote({ turns, leftOut }: Conversation, earlier: number): string {
  const fresh = turns.length - earlier;
  const before = earlier + leftOut;
  return before === 0 ? 'The conversation’s beginning' : `${fresh} new, ${countExact(before)} before`;
}

function countOf(turns: readonly Turn[]): string {
  const characters = turns
    .flatMap(({ blocks }) => blocks)
    .reduce((sum, block) => sum + ('text' in block ? block.text.length : 0), 0);
  return `${count(characters)} characters`;
}

function Answered({ exchange: { asked, answer }, state, failed, onRaw }: HalfProps) {
  return (
    <Card title="Answered">
      {answer === null ? (
        <Unread state={state} failed={failed} onRaw={onRaw} />
      ) : (
        <Said answer={answer} asked={asked} />
      )}
    </Card>
  );
}

function Said({ answer, asked }: { answer: Answer; asked: Conversation | null }) {
  return (
    <>
      <Turns turns={answer.turns} calls={callNames([...(asked?.turns ?? []), ...answer.turns])} />
      {answer.error !== '' && (
        <div className={styles.error}>
          <ForeignText text={answer.error} />
        </div>
      )}
    </>
  );
}

function Unread({ state, failed, onRaw }: Omit<HalfProps, 'exchange'>) {
  if (state.at === 'missing') return <Missing state={state} />;
  return (
    <div className={styles.unread}>
      <p>{failed === null ? 'This cannot be read as a conversation.' : failed.message}</p>
      <Button onClick={onRaw}>Show it raw</Button>
    </div>
  );
}

/** Which tool each call was of: its result names the call alone. */
function callNames(turns: readonly Turn[]): ReadonlyMap<string, string> {
  const calls = turns.flatMap(({ blocks }) => blocks).filter((block) => block.kind === 'call');
  return new Map(calls.map(({ id, name }) => [id, name]));
}

function Offers({ tools }: { tools: readonly ToolOffer[] }) {
  return (
    <Fold
      title={tools.length === 1 ? '1 tool' : `${tools.length} tools`}
      note={<Foreign most={200}>{tools.map(({ name }) => name).join(', ')}</Foreign>}
    >
      {() => (
        <ul className={styles.offers}>
          {tools.map(({ name, about, schema }, at) => (
            <li key={at}>
              <Fold
                title={
                  <code>
                    <Foreign most={80}>{name}</Foreign>
                  </code>
                }
                note={<Foreign most={160}>{about}</Foreign>}
              >
                {() => (
                  <>
                    {about !== '' && <ForeignText text={about} />}
                    <ForeignText text={schema} code />
                  </>
                )}
              </Fold>
            </li>
          ))}
        </ul>
      )}
    </Fold>
  );
}

function Settings({ settings }: { settings: readonly [string, string][] }) {
  return (
    <Fold
      title="Settings"
      note={<Foreign most={200}>{settings.map(([name, value]) => `${name} ${value}`).join(' · ')}</Foreign>}
    >
      {() => (
        <dl className={styles.settings}>
          {settings.map(([name, value]) => (
            <div key={name}>
              <dt>
                <Foreign most={80}>{name}</Foreign>
              </dt>
              <dd>
                <Foreign most={200}>{value}</Foreign>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Fold>
  );
}
