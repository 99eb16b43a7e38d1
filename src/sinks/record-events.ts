import type { NewDelivery, RecordFilter, Told } from '../contract/delivery.ts';
import { RECORD_EVENTS, REQUEST_SPAN } from '../contract/event.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { compileGlob } from '../lib/globs.ts';
import type { Glob } from '../lib/globs.ts';
import { closedEvent } from './closed-event.ts';
import { spanEvent } from './span-event.ts';
import { verdictEvents } from './verdict-event.ts';

const RECORD_KINDS = [...RECORD_EVENTS, REQUEST_SPAN] as const;
type RecordEvent = (typeof RECORD_KINDS)[number];

/** Whether events of this kind are caused by records. */
export function isRecordEvent(kind: string): kind is RecordEvent {
  return RECORD_KINDS.some((each) => each === kind);
}

/** Deliveries that records cause, for those who are told of them. */
export type RecordEvents = (records: readonly ExchangeRecord[]) => NewDelivery[];

/** Compiles what destinations want to know; the payload of a record is made once, however many are told. */
export function recordEventsFor(told: readonly Told[]): RecordEvents {
  const listeners = told.map(({ destination, events, filter }) => ({
    destination,
    kinds: RECORD_KINDS.filter((kind) => events.includes(kind)),
    wants: compiledFilter(filter),
  }));
  return (records) =>
    records.flatMap((record) => {
      const payloads = payloadsOf(record);
      return listeners.flatMap(({ destination, kinds, wants }) =>
        wants(record) ? kinds.flatMap((kind) => payloads(kind).map((payload) => ({ destination, kind, payload }))) : [],
      );
    });
}

function payloadsOf(record: ExchangeRecord): (kind: RecordEvent) => readonly string[] {
  const refused = record.state === 'denied' || record.state === 'blocked';
  let closed: string | undefined;
  let span: string | undefined;
  let verdicts: string[] | undefined;
  return (kind) => {
    if (kind === REQUEST_SPAN) return [(span ??= spanEvent(record))];
    if (kind === 'guardrail.verdict') return (verdicts ??= verdictEvents(record));
    return kind === 'request.closed' || refused ? [(closed ??= closedEvent(record))] : [];
  };
}

function compiledFilter(filter: RecordFilter): (record: ExchangeRecord) => boolean {
  const [logins, groups, models] = [anyOf(filter.logins), anyOf(filter.groups), anyOf(filter.models)];
  const [providers, states] = [anyOf(filter.providers), anyOf(filter.states)];
  return (record) =>
    logins([record.login]) &&
    groups(record.groups) &&
    // Whoever writes `gpt-5*` means the model wherever it is; `openai/**` is how grants have it.
    models([record.model, `${record.provider}/${record.model}`]) &&
    providers([record.provider]) &&
    states([record.state]);
}

/** Whether one of the globs matches one of the names; no globs: whether or not there is a name. */
function anyOf(patterns: readonly string[]): (names: readonly string[]) => boolean {
  const globs: Glob[] = patterns.map(compileGlob);
  return (names) => globs.length === 0 || names.some((name) => globs.some((glob) => glob.matches(name.split('/'))));
}
