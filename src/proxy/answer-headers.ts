import { clientResponseHeaders } from './headers.ts';

type Headers = readonly (readonly [string, string])[];

/** Both together are the time from acceptance to the head's release. */
export interface Times {
  /** Ours: from acceptance until the request was sent, and from the provider's head until ours is released. */
  gatewayMs: number;
  /** The provider's, and the way there and back. Undefined where it gave no head. */
  upstreamMs: number | undefined;
}

/** Headers of ours on every answer. */
export function ownHeaders(id: string, more: Headers): [string, string][] {
  const own: [string, string][] = [['x-aperture-request-id', id]];
  for (const [name, value] of more) own.push([name, value]);
  return own;
}

/** On every answer to what was sent to a provider. */
export function timingHeaders({ gatewayMs, upstreamMs }: Times): [string, string][] {
  const upstream = upstreamMs === undefined ? '' : `, upstream;dur=${upstreamMs.toFixed(3)}`;
  return [['server-timing', `gateway;dur=${gatewayMs.toFixed(3)}${upstream}`]];
}

/** A provider's headers as the client gets them, with ours. */
export function answerHeaders(
  headers: Headers,
  { id, isStream, own }: { id: string; isStream: boolean; own: [string, string][] },
): [string, string][] {
  const answer = clientResponseHeaders(headers);
  if (isStream) {
    // Proxies in between otherwise hold events back (failure-modes row 16).
    if (valueOf(headers, 'x-accel-buffering') === undefined) answer.push(['x-accel-buffering', 'no']);
    if (valueOf(headers, 'cache-control') === undefined) answer.push(['cache-control', 'no-cache']);
  }
  // Pages of a provider, or of whoever stored a file there, would be of the dashboard's origin: a browser that shows one runs
  // nothing of it. Beside a policy of the provider's, both hold.
  answer.push(['content-security-policy', 'sandbox']);
  if (valueOf(headers, 'x-content-type-options') === undefined) answer.push(['x-content-type-options', 'nosniff']);
  answer.push(...own);
  if (valueOf(headers, 'x-request-id') === undefined) answer.push(['x-request-id', id]);
  return answer;
}

/** The first of a name, which is in lower case. */
export function valueOf(headers: Headers, name: string): string | undefined {
  for (const header of headers) if (header[0] === name) return header[1];
  return undefined;
}
