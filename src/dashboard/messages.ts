/** A question of the JSON API: plain data, after identity and role are known. */
export interface ApiRequest {
  method: string;
  path: string;
  /** Without the question mark. */
  query: string;
  /** Whose rows may be seen: a user's own, an admin's all. */
  caller: { login: string; role: 'admin' | 'user' };
}

/** Main thread -> API thread. */
export interface ToApi {
  kind: 'ask';
  ask: number;
  request: ApiRequest;
}

/** API thread -> main thread: exactly one for each `ask`. The body is JSON. */
export interface FromApi {
  kind: 'answer';
  ask: number;
  status: number;
  body: Uint8Array<ArrayBuffer>;
}
