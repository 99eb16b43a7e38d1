import * as z from 'zod/mini';

/** What the gateway answered in place of what was asked for; `status` 0 where nothing answered at all. */
export class ApiError extends Error {
  readonly status: number;
  /** The stable code of the fault (`gateway_…`); empty where there is none. */
  readonly code: string;
  /** The whole answer, for those who know more of its members. */
  readonly body: unknown;

  constructor(status: number, code: string, message: string, body: unknown) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.body = body;
  }
}

/** As our own API says it (`src/protocols/plain-fault.ts`). */
const Fault = z.looseObject({ error: z.string(), code: z.optional(z.string()) });

export type Query = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** A path of the API with its parameters; those without a value are left out. */
export function pathOf(path: string, query: Query = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === '') continue;
    if (typeof value === 'object') given.set(name, value.join(','));
    else given.set(name, String(value));
  }
  const text = given.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** Asked before the pages' code is there, by path. */
const early = new Map<string, Promise<Response>>();

/** Begins to ask: whoever asks for the same path first gets this answer. */
export function askEarly(path: string): void {
  const response = fetch(path, { credentials: 'same-origin' });
  // Whoever takes it hears of it.
  response.catch(() => undefined);
  early.set(path, response);
}

function takeEarly(path: string): Promise<Response> | undefined {
  const response = early.get(path);
  early.delete(path);
  return response;
}

/**
 * Asks the API and checks the answer's shape.
 *
 * @throws ApiError when the gateway refuses, does not answer, or answers what was not expected.
 */
export async function getJson<T>(path: string, schema: z.ZodMiniType<T>, signal?: AbortSignal): Promise<T> {
  return readJson(await send(path, { signal: signal ?? null }), schema);
}

/** The same with a body: `PUT` and `POST` of what an admin changes or tries. */
export async function sendJson<T>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body: unknown,
  schema: z.ZodMiniType<T>,
): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  return readJson(await send(path, { method, headers, body: JSON.stringify(body) }), schema);
}

/** A captured body as bytes. */
export async function getBytes(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  return new Uint8Array(await (await send(path, { signal: signal ?? null })).arrayBuffer());
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    const asked = init.method === undefined ? takeEarly(path) : undefined;
    response = await (asked ?? fetch(path, { ...init, credentials: 'same-origin' }));
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new ApiError(0, '', 'The gateway does not answer.', undefined);
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => undefined);
  const fault = Fault.safeParse(body);
  if (!fault.success) throw new ApiError(response.status, '', `The gateway answered ${response.status}.`, body);
  throw new ApiError(response.status, fault.data.code ?? '', fault.data.error, body);
}

async function readJson<T>(response: Response, schema: z.ZodMiniType<T>): Promise<T> {
  const body: unknown = response.status === 204 ? undefined : await response.json();
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0] ?? { path: [], message: '' };
  throw new ApiError(response.status, '', `The answer has an unexpected shape at ${path.join('.')}: ${message}`, body);
}
