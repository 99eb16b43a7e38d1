/** A question of the JSON API, from the front door to the thread that reads the database. */
export interface ToApi {
  kind: 'ask';
  ask: number;
  request: {
    method: string;
    path: string;
    query: string;
    caller: { login: string; role: 'admin' | 'user' };
  };
}

/** Its answer: JSON bytes. */
export interface FromApi {
  kind: 'answer';
  ask: number;
  status: number;
  body: Uint8Array;
}
