import { useSyncExternalStore } from 'react';
import { ask } from './ask.ts';
import { WIRES } from './wire/wires.ts';
import type { Spoken } from './wire/wires.ts';
import type { Fault, Piece } from './wire/wire.ts';

/*
 * What was said on this page, and with which settings. It lives in the page's memory alone: a look at another view does
 * not end it, a reload does.
 */

export interface Exchange {
  /** Of all that were begun on this page, so that one of a cleared conversation is told from those of the next. */
  number: number;
  asked: string;
  /** As the request named it. */
  model: string;
  format: Spoken;
  text: string;
  thought: string;
  /** `stopped`: by whoever asked. */
  state: 'asking' | 'answering' | 'done' | 'stopped' | 'failed';
  fault: Fault | undefined;
  /** Why it ended, in the API's word. */
  reason: string;
  requestId: string | undefined;
  /** From sending to the first of the answer, thoughts too; and to its end. */
  firstMs: number | undefined;
  tookMs: number | undefined;
}

export interface Settings {
  system: string;
  /** As typed. */
  temperature: string;
  mostTokens: string;
}

interface Held {
  /** The session that the gateway books the turns in. */
  session: string;
  exchanges: readonly Exchange[];
  settings: Settings;
}

/** What to ask with. */
export interface Chosen {
  model: string;
  format: Spoken;
  isOpenAi: boolean;
}

/** A conversation may have so many turns, and an answer so many characters: the page holds all of it. */
export const MOST_EXCHANGES = 100;
const MOST_CHARACTERS = 2_000_000;
/** What comes is shown so often. */
const SHOWN_EVERY_MS = 50;

let held: Held = {
  session: newSession(),
  exchanges: [],
  settings: { system: '', temperature: '', mostTokens: '' },
};
let begunEver = 0;
let running: AbortController | undefined;
const watchers = new Set<() => void>();

function hold(patch: Partial<Held>): void {
  held = { ...held, ...patch };
  for (const tell of watchers) tell();
}

export function useConversation(): Held {
  return useSyncExternalStore(
    (tell) => {
      watchers.add(tell);
      return () => watchers.delete(tell);
    },
    () => held,
  );
}

export function change(patch: Partial<Settings>): void {
  hold({ settings: { ...held.settings, ...patch } });
}

export function stop(): void {
  running?.abort();
}

/** Ends the conversation; the next turn begins another. */
export function clear(): void {
  stop();
  hold({ session: newSession(), exchanges: [] });
}

/** The last turn once more, where it came to nothing. */
export function again(chosen: Chosen): void {
  const last = held.exchanges.at(-1);
  if (last === undefined || isRunning(last)) return;
  hold({ exchanges: held.exchanges.slice(0, -1) });
  send(last.asked, chosen);
}

export function send(asked: string, { model, format, isOpenAi }: Chosen): void {
  const { session, settings, exchanges } = held;
  begunEver += 1;
  const body = WIRES[format].body(
    {
      model,
      system: settings.system.trim(),
      said: [...exchanges.flatMap(saidIn), { by: 'user', text: asked }],
      temperature: numberOf(settings.temperature),
      mostTokens: numberOf(settings.mostTokens),
    },
    isOpenAi,
  );
  const begun: Exchange = {
    number: begunEver,
    asked,
    model,
    format,
    text: '',
    thought: '',
    state: 'asking',
    fault: undefined,
    reason: '',
    requestId: undefined,
    firstMs: undefined,
    tookMs: undefined,
  };
  hold({ exchanges: [...exchanges, begun] });
  void run(new Answer(begun), { session, path: WIRES[format].path(model), body });
}

/** What an exchange adds to what is sent with the next: nothing where there was no answer, as turns have to alternate. */
function saidIn({ asked, text }: Exchange): { by: 'user' | 'model'; text: string }[] {
  return text === ''
    ? []
    : [
        { by: 'user', text: asked },
        { by: 'model', text },
      ];
}

export function isRunning({ state }: Exchange): boolean {
  return state === 'asking' || state === 'answering';
}

/** Whether the text of an exchange is sent along with later ones. */
export function isRemembered(exchange: Exchange): boolean {
  return isRunning(exchange) || saidIn(exchange).length > 0;
}

async function run(answer: Answer, asked: { session: string; path: string; body: unknown }): Promise<void> {
  const control = new AbortController();
  running = control;
  try {
    const fault = await ask({
      ...asked,
      signal: control.signal,
      read: WIRES[answer.exchange.format].read,
      onHead: (requestId) => answer.change({ requestId }),
      onPieces: (pieces) => {
        if (!answer.add(pieces)) control.abort();
      },
    });
    answer.end(fault === undefined ? { state: 'done' } : { state: 'failed', fault });
  } catch {
    // Nothing but a stop rejects.
    answer.end({ state: 'stopped' });
  }
  if (running === control) running = undefined;
}

/** One answer while it comes. */
class Answer {
  exchange: Exchange;
  readonly #sentAt = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  change(patch: Partial<Exchange>): void {
    this.exchange = { ...this.exchange, ...patch };
    this.#timer ??= setTimeout(() => this.#show(), SHOWN_EVERY_MS);
  }

  /** False when there is more than a page should hold. */
  add(pieces: readonly Piece[]): boolean {
    const { text, thought, reason, firstMs } = this.exchange;
    const said = { text, thought, reason };
    for (const piece of pieces) {
      if (piece.kind === 'end') said.reason = piece.reason;
      else if (piece.kind !== 'fault') said[piece.kind] += piece.text;
    }
    const hasBegun = said.text !== '' || said.thought !== '';
    this.change({
      ...said,
      state: hasBegun ? 'answering' : 'asking',
      firstMs: firstMs ?? (hasBegun ? this.#now() : undefined),
    });
    return said.text.length + said.thought.length <= MOST_CHARACTERS;
  }

  end(how: Pick<Exchange, 'state'> & Partial<Exchange>): void {
    this.exchange = { ...this.exchange, ...how, tookMs: this.#now() };
    this.#show();
  }

  #now(): number {
    return performance.now() - this.#sentAt;
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { number } = this.exchange;
    hold({ exchanges: held.exchanges.map((each) => (each.number === number ? this.exchange : each)) });
  }
}

/** What was typed as a number; undefined for none. */
export function numberOf(typed: string): number | undefined {
  const text = typed.trim().replace(',', '.');
  return text === '' || !Number.isFinite(Number(text)) ? undefined : Number(text);
}

/** By chance, and without `randomUUID`, which pages on plain HTTP do not have. */
function newSession(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `playground-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
