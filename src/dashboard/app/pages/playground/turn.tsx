import { Link } from '@tanstack/react-router';
import { Bot, CircleAlert, RotateCcw, User } from 'lucide-react';
import type { ReactNode } from 'react';
import { inputTokens, outputTokens } from '../../api/shapes.ts';
import { Badge } from '../../design/badge.tsx';
import { Button } from '../../design/button.tsx';
import { count, countExact, duration } from '../../design/format.ts';
import { Foreign, ForeignText } from '../../design/hostile.tsx';
import { Money } from '../../design/texts.tsx';
import type { RequestRow } from '../logs/shapes.ts';
import { Fold } from '../request/fold.tsx';
import { isRemembered, isRunning } from './conversation.ts';
import type { Exchange } from './conversation.ts';
import styles from './turn.module.css';
import type { Fault } from './wire/wire.ts';
import { reasonText, titleOf } from './words.ts';

interface ExchangeProps {
  exchange: Exchange;
  record: RequestRow | undefined;
  /** Sends it once more; there for the last one. */
  onAgain: (() => void) | undefined;
}

/** What was asked, and what became of it. All that a model says is text. */
export function ExchangeView({ exchange, record, onAgain }: ExchangeProps) {
  const { asked, model, text, thought, state, fault, reason } = exchange;
  const note = state === 'stopped' ? 'Stopped' : reasonText(reason);
  return (
    <li className={styles.exchange} data-state={state}>
      <Part by="user" name="You">
        <ForeignText text={asked} />
      </Part>
      <Part by="model" name={<Foreign most={60}>{model}</Foreign>}>
        {thought !== '' && <Fold title="Reasoning">{() => <ForeignText text={thought} />}</Fold>}
        {text !== '' && (
          <div data-answer>
            <ForeignText text={text} />
          </div>
        )}
        {isRunning(exchange) && text === '' && (
          <p className={styles.waiting}>{thought === '' ? 'Waiting for the first word' : 'Reasoning'}</p>
        )}
        {fault !== undefined && <FaultBox fault={fault} />}
        {note !== undefined && <p className={styles.note}>{note}</p>}
        {!isRunning(exchange) && (
          <div className={styles.after}>
            <Figures exchange={exchange} record={record} />
            {onAgain !== undefined && !isRemembered(exchange) && (
              <Button look="quiet" icon={<RotateCcw size={14} aria-hidden />} onClick={onAgain}>
                Try again
              </Button>
            )}
          </div>
        )}
      </Part>
    </li>
  );
}

function Part({ by, name, children }: { by: 'user' | 'model'; name: ReactNode; children: ReactNode }) {
  const Icon = by === 'user' ? User : Bot;
  return (
    <div className={styles.part} data-by={by}>
      <p className={styles.name}>
        <Icon size={15} aria-hidden />
        <span>{name}</span>
      </p>
      <div className={styles.said}>{children}</div>
    </div>
  );
}

function FaultBox({ fault }: { fault: Fault }) {
  const { code, message } = fault;
  return (
    <div className={styles.fault} role="alert" data-by={fault.by}>
      <p className={styles.title}>
        <CircleAlert size={15} aria-hidden />
        {titleOf(fault)}
        {code !== '' && (
          <Badge>
            <Foreign most={80}>{code}</Foreign>
          </Badge>
        )}
      </p>
      {message !== '' && (
        <p>
          <Foreign most={1_000}>{message}</Foreign>
        </p>
      )}
    </div>
  );
}

/** Times as this browser had them; tokens and cost as the books have them, once they do. */
function Figures({ exchange, record }: { exchange: Exchange; record: RequestRow | undefined }) {
  const { firstMs, tookMs, requestId } = exchange;
  return (
    <dl className={styles.figures}>
      {record?.usage !== undefined && record.usage !== null && (
        <>
          <Figure name="in" label="In" title={`${countExact(inputTokens(record.usage))} tokens`}>
            {count(inputTokens(record.usage))}
          </Figure>
          <Figure name="out" label="Out" title={`${countExact(outputTokens(record.usage))} tokens`}>
            {count(outputTokens(record.usage))}
          </Figure>
          <Figure name="cost" label="Cost">
            <Money nanodollars={record.cost_nanodollars} />
          </Figure>
        </>
      )}
      {firstMs !== undefined && (
        <Figure name="first" label="First token" title="From sending to the first of the answer, in this browser">
          {duration(firstMs)}
        </Figure>
      )}
      {tookMs !== undefined && (
        <Figure name="took" label="Whole" title="From sending to the end, in this browser">
          {duration(tookMs)}
        </Figure>
      )}
      {requestId !== undefined && (
        <div className={styles.link}>
          <dt className="hidden">Recorded as</dt>
          <dd>
            {record === undefined ? (
              <span className={styles.pending}>not in the books yet</span>
            ) : (
              <Link to="/requests/$id" params={{ id: requestId }}>
                Recorded request
              </Link>
            )}
          </dd>
        </div>
      )}
    </dl>
  );
}

interface FigureProps {
  name: string;
  label: string;
  title?: string;
  children: ReactNode;
}

function Figure({ name, label, title, children }: FigureProps) {
  return (
    <div title={title} data-figure={name}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}
