import { readExchange } from '../conversation/read.ts';
import type { Exchange } from '../conversation/model.ts';
import type { Pace } from '../record.ts';
import { eventsOf } from '../stream/events.ts';
import { timesAt } from '../stream/pace.ts';
import { saidBy } from '../stream/said.ts';
import type { Said } from '../stream/said.ts';
import { asText, decodeBody } from './decode.ts';
import { findIn } from './find.ts';
import type { Found } from './find.ts';
import { prettyJson } from './pretty.ts';
import { rowsOf } from './rows.ts';
import type { Rows } from './rows.ts';

/*
 * What is done with bodies aside of the page: each job is a message to the worker, with all that it needs, and has one
 * answer. A body may have tens of megabytes, and a page that reads it stands still meanwhile.
 */

type Bytes = Uint8Array<ArrayBuffer>;

export interface Jobs {
  text: { ask: TextJob; answer: TextView };
  find: { ask: { text: string; wanted: string }; answer: Found };
  conversation: { ask: ConversationJob; answer: Exchange };
  stream: { ask: StreamJob; answer: StreamView };
}
export type JobName = keyof Jobs;
export type Ask = { [Name in JobName]: { id: number; name: Name; ask: Jobs[Name]['ask'] } }[JobName];
/** The answer under its job's name. */
export type Answered = { [Name in JobName]?: Jobs[Name]['answer'] };
export type Told = Answered & { id: number; problem?: string };

interface TextJob {
  bytes: Bytes;
  /** Its `content-encoding`. */
  encoding: string;
  layOut: boolean;
  columns: number;
}
export interface TextView {
  text: string;
  rows: Rows;
  /** It is JSON, and stands laid out. */
  laidOut: boolean;
  damaged: boolean;
  unpacked: string | null;
}

interface ConversationJob {
  api: string;
  request: Bytes | null;
  /** It is what the gateway made of it: the member `body` of its answer. */
  requestRebuilt: boolean;
  response: Bytes | null;
  responseRebuilt: boolean;
}

interface StreamJob {
  bytes: Bytes;
  encoding: string;
  pace: Pace;
}
export interface StreamView {
  events: { name: string; data: string; raw: string; bytes: number }[];
  /** When each had come, in ms since the request was received. */
  times: number[];
  said: Said;
  /** There are more events than these. */
  more: boolean;
}

export async function work(asked: Ask): Promise<Answered> {
  switch (asked.name) {
    case 'text':
      return { text: await viewOf(asked.ask) };
    case 'find':
      return { find: findIn(asked.ask.text, asked.ask.wanted) };
    case 'conversation':
      return { conversation: conversationIn(asked.ask) };
    case 'stream':
      return { stream: await streamIn(asked.ask) };
  }
}

async function viewOf({ bytes, encoding, layOut, columns }: TextJob): Promise<TextView> {
  const { text, damaged, unpacked } = await decodeBody(bytes, encoding);
  const pretty = layOut ? prettyJson(text) : undefined;
  const shown = pretty ?? text;
  return { text: shown, rows: rowsOf(shown, columns), laidOut: pretty !== undefined, damaged, unpacked };
}

function conversationIn({ api, request, requestRebuilt, response, responseRebuilt }: ConversationJob): Exchange {
  return readExchange(api, bodyIn(request, requestRebuilt), bodyIn(response, responseRebuilt));
}

function bodyIn(bytes: Bytes | null, isRebuilt: boolean): unknown {
  const value = parsed(bytes);
  return isRebuilt && typeof value === 'object' && value !== null && 'body' in value ? value.body : value;
}

function parsed(bytes: Bytes | null): unknown {
  if (bytes === null) return undefined;
  try {
    const value: unknown = JSON.parse(asText(bytes).text.replace(/^\ufeff/, ''));
    return value;
  } catch {
    return undefined;
  }
}

async function streamIn({ bytes, encoding, pace }: StreamJob): Promise<StreamView> {
  const packed = encoding !== '' && encoding !== 'identity';
  const plain = packed ? new TextEncoder().encode((await decodeBody(bytes, encoding)).text) : bytes;
  const { events, more } = eventsOf(plain);
  // What was packed came in other bytes than these: its times are those of the same part of the body.
  const scale = packed && plain.length > 0 ? bytes.length / plain.length : 1;
  const times = timesAt(
    pace,
    events.map(({ endByte }) => endByte * scale),
  );
  return {
    events: events.map(({ name, data, raw, endByte }, at) => ({
      name,
      data,
      raw,
      bytes: endByte - (events[at - 1]?.endByte ?? 0),
    })),
    times,
    said: saidBy(events.map(({ data }) => data)),
    more,
  };
}
