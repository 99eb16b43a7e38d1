import { parseJson } from '../../../../../protocols/json.ts';
import { at, objectOf, textAt } from './json.ts';

/** What is asked of a model, in no API's words. */
export interface Question {
  model: string;
  /** Empty where there is none. */
  system: string;
  /** Turns by turns, the user's first and last. */
  said: readonly { by: 'user' | 'model'; text: string }[];
  temperature: number | undefined;
  mostTokens: number | undefined;
}

/** Why there is no answer, or no more of it. */
export interface Fault {
  /** The gateway itself, whoever it asked, or nobody: nothing answered. */
  by: 'gateway' | 'provider' | 'nobody';
  code: string;
  message: string;
}

/** What one event of a stream says. */
export type Piece =
  | { kind: 'text' | 'thought'; text: string }
  | { kind: 'end'; reason: string }
  | { kind: 'fault'; fault: Fault };

/** An API that models are asked through. */
export interface Wire {
  path: (model: string) => string;
  /** `isOpenAi`: whoever has the model calls the limit of an answer by its newer name. */
  body: (question: Question, isOpenAi: boolean) => unknown;
  /** What an event's data says. */
  read: (data: unknown) => Piece[];
}

export function text(value: unknown): Piece[] {
  return typeof value === 'string' && value !== '' ? [{ kind: 'text', text: value }] : [];
}
export function thought(value: unknown): Piece[] {
  return typeof value === 'string' && value !== '' ? [{ kind: 'thought', text: value }] : [];
}
export function end(reason: unknown): Piece[] {
  return typeof reason === 'string' && reason !== '' ? [{ kind: 'end', reason }] : [];
}
export function fault(error: unknown): Piece[] {
  return objectOf(error) === undefined ? [] : [{ kind: 'fault', fault: faultIn(error) }];
}

const SPEAKER = 'gateway: ';
const OURS = 'gateway_';

/**
 * What an error of any API says. The gateway's own have a code of its own (Anthropic: in the details, Google: as the
 * reason), or say who speaks: a spent budget has OpenAI's code.
 */
export function faultIn(error: unknown): Fault {
  const codes = [
    textAt(error, 'details', 'error_code'),
    textAt(error, 'details', 0, 'reason')?.toLowerCase(),
    textAt(error, 'code'),
    textAt(error, 'status'),
    textAt(error, 'type'),
  ];
  const code = codes.find((each) => each?.startsWith(OURS)) ?? codes.find((each) => each !== undefined) ?? '';
  const message = textAt(error, 'message') ?? (typeof error === 'string' ? error : '');
  const isOurs = code.startsWith(OURS) || message.startsWith(SPEAKER);
  return {
    by: isOurs ? 'gateway' : 'provider',
    code,
    message: message.startsWith(SPEAKER) ? message.slice(SPEAKER.length) : message,
  };
}

/** An answer that is no stream: an error in any API's shape, or something else. */
export function faultOfAnswer(status: number, body: string): Fault {
  const parsed = parseJson(body);
  const error = at(parsed, 'error');
  // The gateway's own API says it flat.
  const found = faultIn(
    typeof error === 'object' ? error : typeof error === 'string' ? { ...objectOf(parsed), message: error } : undefined,
  );
  return found.message === '' ? { ...found, message: body.slice(0, MOST_SHOWN) || `It answered ${status}.` } : found;
}

const MOST_SHOWN = 1_000;
