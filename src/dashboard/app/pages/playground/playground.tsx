import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Plus, SlidersHorizontal } from 'lucide-react';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { FORMATS, formatsOf, Models } from '../../api/models.ts';
import type { Model } from '../../api/models.ts';
import { inputTokens, outputTokens } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { Button } from '../../design/button.tsx';
import { Card, PageHead } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { count, countExact, money, moneyExact } from '../../design/format.ts';
import { Foreign, plainText } from '../../design/hostile.tsx';
import { Picker } from '../../design/picker.tsx';
import { Answer, Empty } from '../../design/states.tsx';
import { useMe } from '../../shell/me.tsx';
import type { RequestRow } from '../logs/shapes.ts';
import { chosenOf, isAskable, keyOf, modelOf, needsOwnKey } from './choose.ts';
import { Composer } from './composer.tsx';
import { again, clear, isRunning, MOST_EXCHANGES, send, stop, useConversation } from './conversation.ts';
import type { Chosen, Exchange } from './conversation.ts';
import styles from './playground.module.css';
import { useRecords } from './records.ts';
import { hasProblem, SettingsCard } from './settings.tsx';
import type { PlaygroundSearch } from './search.ts';
import { ExchangeView } from './turn.tsx';
import { spokenOf, WIRES } from './wire/wires.ts';

/** What does a model say? Asked as any client asks, by whoever looks at the page. */
export function Playground() {
  const { exchanges } = useConversation();
  const models = useApi('/v1/models', Models);
  return (
    <>
      <PageHead
        title="Playground"
        note="Ask a model as yourself: allowed, guarded, charged and recorded like any client’s request"
        actions={
          <Button icon={<Plus size={15} aria-hidden />} disabled={exchanges.length === 0} onClick={clear}>
            New conversation
          </Button>
        }
      />
      <Answer
        of={models}
        lines={12}
        empty={{
          when: ({ data }) => data.length === 0,
          say: <Empty title="No model is open to you">Ask an admin for a grant that names one.</Empty>,
        }}
      >
        {({ data }) => <Desk models={data} />}
      </Answer>
    </>
  );
}

/** Where one sits down with a model. */
function Desk({ models }: { models: readonly Model[] }) {
  const search = useSearch({ from: '/playground' });
  const navigate = useNavigate({ from: '/playground' });
  const change = (patch: Partial<PlaygroundSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...patch }), replace: true, resetScroll: false });
  const { session, exchanges, settings } = useConversation();
  const [showsSettings, showSettings] = useState(false);
  const records = useRecords(session, exchanges);
  const model = modelOf(models, search);
  const chosen = model === undefined ? undefined : chosenOf(models, model, search.format);
  const last = exchanges.at(-1);
  const isBusy = last !== undefined && isRunning(last);
  return (
    <div className={styles.desk} data-settings={showsSettings}>
      <div className={styles.bar} role="group" aria-label="Model">
        <ModelPicker models={models} model={model} change={change} />
        {model !== undefined && chosen !== undefined && spokenOf(model).length > 1 && (
          <Choice
            label="Format"
            options={spokenOf(model).map((value) => ({ value, name: FORMATS[value].name }))}
            chosen={chosen.format}
            onChoose={(format) => change({ format })}
          />
        )}
        <span className={styles.toggle}>
          <Button
            look="quiet"
            icon={<SlidersHorizontal size={15} aria-hidden />}
            aria-expanded={showsSettings}
            onClick={() => showSettings(!showsSettings)}
          >
            Settings
          </Button>
        </span>
      </div>
      <div className={styles.talk}>
        <Card>
          <Said model={model} chosen={chosen} exchanges={exchanges} records={records} search={search} />
        </Card>
        <div className={styles.foot}>
          <Sums session={session} exchanges={exchanges} records={records} />
          <Composer
            hindrance={hindranceOf(chosen, exchanges.length, hasProblem(settings))}
            isRunning={isBusy}
            onSend={(text) => {
              if (chosen !== undefined) send(text, chosen);
            }}
            onStop={stop}
          />
        </div>
      </div>
      <div className={styles.settings}>
        <SettingsCard settings={settings} />
      </div>
    </div>
  );
}

function hindranceOf(chosen: Chosen | undefined, turns: number, isWrong: boolean): string | undefined {
  if (chosen === undefined) return 'Choose a model that can be asked here';
  if (isWrong) return 'A setting is not right yet';
  return turns >= MOST_EXCHANGES ? `A conversation ends after ${MOST_EXCHANGES} turns: begin a new one` : undefined;
}

interface ModelPickerProps {
  models: readonly Model[];
  model: Model | undefined;
  change: (patch: Partial<PlaygroundSearch>) => void;
}

function ModelPicker({ models, model, change }: ModelPickerProps) {
  return (
    <Picker
      always
      label="Model"
      options={models
        .toSorted((one, other) => Number(isAskable(other)) - Number(isAskable(one)))
        .map((each) => ({
          value: keyOf(each),
          name: plainText(each.id),
          note: isAskable(each)
            ? plainText(each.metadata.provider.name || each.metadata.provider.id)
            : 'not to be asked here',
        }))}
      picked={model === undefined ? undefined : keyOf(model)}
      onPick={(key) => {
        const found = models.find((each) => keyOf(each) === key);
        change({ model: found?.id, provider: found?.metadata.provider.id, format: undefined });
      }}
    />
  );
}

interface SaidProps {
  model: Model | undefined;
  chosen: Chosen | undefined;
  exchanges: readonly Exchange[];
  records: ReadonlyMap<string, RequestRow>;
  search: PlaygroundSearch;
}

function Said({ model, chosen, exchanges, records, search }: SaidProps) {
  const end = useFollowing(exchanges);
  const last = exchanges.at(-1);
  if (model === undefined) {
    return (
      <Empty title="This model is not open to you">
        There is no <Foreign>{search.model ?? ''}</Foreign> among those that your grants name.
      </Empty>
    );
  }
  if (chosen === undefined && exchanges.length === 0) return <NotHere model={model} />;
  return (
    <>
      {last === undefined ? (
        <Begin chosen={chosen} />
      ) : (
        <ol className={styles.said}>
          {exchanges.map((each) => (
            <ExchangeView
              key={each.number}
              exchange={each}
              record={each.requestId === undefined ? undefined : records.get(each.requestId)}
              onAgain={each === last && chosen !== undefined ? () => again(chosen) : undefined}
            />
          ))}
        </ol>
      )}
      {/* In words, once each: a voice that read every piece of an answer would never end. */}
      <p className="hidden" role="status">
        {last === undefined ? '' : SPOKEN_STATES[last.state]}
      </p>
      <div ref={end} />
    </>
  );
}

const SPOKEN_STATES: Record<Exchange['state'], string> = {
  asking: 'Waiting for the answer',
  answering: 'The answer comes',
  done: 'The answer is complete',
  stopped: 'Stopped',
  failed: 'There is no answer',
};

function Begin({ chosen }: { chosen: Chosen | undefined }) {
  const { login } = useMe();
  if (chosen === undefined) return null;
  return (
    <Empty title="Nothing was said yet">
      Goes to <code>{WIRES[chosen.format].path(chosen.model).replace(/\?.*/, '')}</code> of this gateway as{' '}
      <Foreign>{login}</Foreign>. It is kept in this page alone, and in the gateway’s records.
    </Empty>
  );
}

/** Why a model cannot be asked on this page, and where it can be. */
function NotHere({ model }: { model: Model }) {
  const formats = formatsOf(model);
  return (
    <Empty title="This model cannot be asked here">
      {needsOwnKey(model) ? (
        <>You bring the key for its provider yourself, and this page has none. </>
      ) : formats.length === 0 ? (
        <>It is to be had through none of the APIs that this page speaks (Chat, Messages, Responses, Gemini). </>
      ) : (
        <>
          It is to be had as {formats.map((format) => FORMATS[format].name).join(', ')}, and this page speaks Chat,
          Messages, Responses and Gemini.{' '}
        </>
      )}
      <Link to="/set-up" search={{ model: model.id }}>
        Set up a client for it
      </Link>
      .
    </Empty>
  );
}

/** What the conversation came to, as far as it is in the books. */
function Sums({ session, exchanges, records }: Pick<SaidProps, 'exchanges' | 'records'> & { session: string }) {
  const booked = exchanges.flatMap(({ requestId = '' }) => records.get(requestId) ?? []);
  if (booked.length === 0) return null;
  const tokens = booked.reduce((sum, { usage }) => sum + inputTokens(usage) + outputTokens(usage), 0);
  const cost = booked.reduce((sum, { cost_nanodollars }) => sum + BigInt(cost_nanodollars ?? '0'), 0n);
  const isAll = booked.every(({ cost_nanodollars, usage }) => cost_nanodollars !== null || usage === null);
  return (
    <p className={styles.sums}>
      <span>
        {countExact(booked.length)} {booked.length === 1 ? 'request' : 'requests'}
      </span>
      <span title={countExact(tokens)}>{count(tokens)} tokens</span>
      <span title={moneyExact(cost)} data-figure="sum">
        {isAll ? '' : '≥ '}
        {money(cost)}
      </span>
      <Link to="/sessions/$id" params={{ id: session }}>
        Session
      </Link>
    </p>
  );
}

/** How near to its end the page is looked at while more is to follow. */
const NEAR_PIXELS = 120;

/** Keeps the end in sight while an answer comes, unless somebody has gone up to read. */
function useFollowing(exchanges: readonly Exchange[]): React.RefObject<HTMLDivElement | null> {
  const end = useRef<HTMLDivElement>(null);
  const isNear = useRef(true);
  useEffect(() => {
    const moved = () => {
      const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
      isNear.current = scrollHeight - clientHeight - scrollTop < NEAR_PIXELS;
    };
    window.addEventListener('scroll', moved, { passive: true });
    return () => window.removeEventListener('scroll', moved);
  }, []);
  const last = exchanges.at(-1)?.number;
  useLayoutEffect(() => {
    isNear.current = true;
  }, [last]);
  useLayoutEffect(() => {
    if (isNear.current && exchanges.length > 0) window.scrollTo({ top: document.documentElement.scrollHeight });
  }, [exchanges]);
  return end;
}
