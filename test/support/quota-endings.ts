import { MODELS, PROVIDER_KEY } from '../flow/support.ts';
import type { Dice } from './dice.ts';

/** How an exchange goes: each way of ending one gives back what was reserved for it. */
export interface Ending {
  name: string;
  model: string;
  /** What the simulator does. */
  sim: string;
  stream: boolean;
  /** The client leaves: so many milliseconds after it asked, or once something has come. */
  leaves?: { afterMs: number } | { at: 'first bytes' };
}

/** Where nobody listens, and what has a key that cannot be sent. */
const AWAY_MODEL = 'model-of-nobody';
const KEYLESS_MODEL = 'model-without-key';

/** Short, so that many exchanges can time out. */
export const TIMEOUTS = { connect: '400ms', first_byte: '400ms', idle: '400ms' };

export function endingProviders(simulatorUrl: string, nobodysPort: number): Record<string, unknown> {
  const chat = { openai_chat: true };
  return {
    openai: { baseurl: simulatorUrl, apikey: PROVIDER_KEY, models: [MODELS.openai], compatibility: chat },
    away: {
      baseurl: `http://127.0.0.1:${nobodysPort}`,
      apikey: PROVIDER_KEY,
      models: [AWAY_MODEL],
      compatibility: chat,
      cost_basis: 'openai',
    },
    keyless: { baseurl: simulatorUrl, apikey: 'ключ', models: [KEYLESS_MODEL], compatibility: chat },
  };
}

type Way = (dice: Dice) => Omit<Ending, 'name' | 'model'> & { model?: string };

const WAYS: Record<string, Way> = {
  answered: () => ({ sim: '', stream: false }),
  streamed: (dice) => ({ sim: `pace=${dice.below(10)}ms`, stream: true }),
  'refused upstream': (dice) => ({ sim: `status=${dice.pick([400, 429, 500, 503])}`, stream: dice.chance(0.5) }),
  'error in the stream': (dice) => ({ sim: `error_after=${1 + dice.below(4)}`, stream: true }),
  'no head in time': () => ({ sim: 'delay=5s', stream: true }),
  stalled: (dice) => ({ sim: `stall_after=${1 + dice.below(4)}`, stream: true }),
  cut: (dice) => ({ sim: `cut_after=${1 + dice.below(4)}`, stream: true }),
  'cut before the head': () => ({ sim: 'cut_at=head', stream: true }),
  'left before the head': (dice) => ({ sim: 'delay=300ms', stream: true, leaves: { afterMs: dice.below(60) } }),
  'left in the stream': () => ({ sim: 'pace=20ms', stream: true, leaves: { at: 'first bytes' } }),
  'left at once': (dice) => ({ sim: '', stream: dice.chance(0.5), leaves: { afterMs: dice.below(5) } }),
  'nobody listens': () => ({ sim: '', stream: false, model: AWAY_MODEL }),
  'no key': () => ({ sim: '', stream: false, model: KEYLESS_MODEL }),
  'unknown model': () => ({ sim: '', stream: false, model: 'gpt-none' }),
};

export const WAY_NAMES: readonly string[] = Object.keys(WAYS);

/** Most go well: else nothing would be spent. */
export function drawEnding(dice: Dice): Ending {
  const name = dice.chance(0.4) ? dice.pick(['answered', 'streamed']) : dice.pick(WAY_NAMES);
  const { model = MODELS.openai, sim, ...way } = WAYS[name]?.(dice) ?? { sim: '', stream: false };
  const cost = `input=${10 + dice.below(2_000)};output=${5 + dice.below(60)}`;
  return { name, model, sim: `${cost};${sim}`, ...way };
}

export interface Ended {
  /** 0 where no head has come. */
  status: number;
  id: string;
}

/** Plays one; whatever becomes of the connection is an ending, too. */
export async function play(
  url: string,
  ending: Ending,
  { headers = {}, signal }: { headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Ended> {
  const { model, sim, stream, leaves } = ending;
  const leaving = new AbortController();
  const timer =
    leaves !== undefined && 'afterMs' in leaves
      ? setTimeout(() => {
          leaving.abort();
        }, leaves.afterMs)
      : undefined;
  const ended: Ended = { status: 0, id: '' };
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      signal: AbortSignal.any([leaving.signal, AbortSignal.timeout(60_000), ...(signal === undefined ? [] : [signal])]),
      headers: { 'content-type': 'application/json', 'x-sim': sim, ...headers },
      body: JSON.stringify({
        model,
        stream,
        max_completion_tokens: 64,
        messages: [{ role: 'user', content: 'x'.repeat(300) }],
        ...(stream ? { stream_options: { include_usage: true } } : {}),
      }),
    });
    ended.status = response.status;
    ended.id = response.headers.get('x-aperture-request-id') ?? '';
    for await (const bytes of response.body ?? []) {
      if (leaves !== undefined && 'at' in leaves && (bytes as Uint8Array).byteLength > 0) leaving.abort();
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') throw error;
  } finally {
    clearTimeout(timer);
  }
  return ended;
}
