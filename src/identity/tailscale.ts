import { Pool } from 'undici';
import { readNodeStatus } from './node-status.ts';
import type { NodeStatus } from './node-status.ts';
import { readWhois } from './whois-answer.ts';
import type { Lookup } from './whois.ts';

/** tailscaled refuses any other Host: it keeps browsers out by it. */
const LOCAL_API = 'http://local-tailscaled.sock';

/** An answer takes about a millisecond; waiting longer than this means that tailscaled hangs. */
const TIMEOUT_MS = 2_000;

/** A certificate that tailscaled does not have yet comes from an ACME server: it gives itself a minute. */
const CERTIFICATE_TIMEOUT_MS = 90_000;

/** After a restart many addresses are asked for at once; tailscaled needs not see all of them at the same time. */
const CONNECTIONS = 8;

/** A node with hundreds of capabilities stays well under this. */
const ANSWER_BYTES = 1024 * 1024;

/** As much as is repeated of a reason that tailscaled gives. */
const REASON_CHARACTERS = 200;

/** A private key and its certificate chain as PEM: secret. `refused`: tailscaled says why there is none. */
export type CertificateAnswer =
  | { kind: 'pair'; pem: string }
  | { kind: 'refused'; why: string }
  | { kind: 'unavailable'; why: string };

export interface LocalApi {
  lookup: Lookup;
  /** This machine's own node. Never rejects, never waits forever. */
  node(): Promise<NodeStatus>;
  /** The certificate of a name of this node. Never rejects; may take a minute where tailscaled has to get it. */
  certificate(domain: string): Promise<CertificateAnswer>;
  close(): Promise<void>;
}

type Answer = { kind: 'answered'; status: number; body: string } | { kind: 'unavailable'; why: string };

/** The LocalAPI of the tailscaled on this machine, by its Unix socket. */
export function createLocalApi(settings: { socketPath: string; timeoutMs?: number }): LocalApi {
  const timeoutMs = settings.timeoutMs ?? TIMEOUT_MS;
  const pool = new Pool(LOCAL_API, {
    connect: { socketPath: settings.socketPath, timeout: timeoutMs },
    connections: CONNECTIONS,
    maxResponseSize: ANSWER_BYTES,
  });

  async function get(path: string, withinMs = timeoutMs): Promise<Answer> {
    try {
      const signal = AbortSignal.timeout(withinMs);
      const response = await pool.request({ method: 'GET', path: `/localapi/v0/${path}`, signal });
      return { kind: 'answered', status: response.statusCode, body: await response.body.text() };
    } catch (error) {
      return { kind: 'unavailable', why: reasonOf(error) };
    }
  }

  return {
    async lookup(address) {
      // Port 0 is what tailscaled itself takes for a bare address, which its older versions do not read.
      const addr = address.includes(':') ? `[${address}]:0` : `${address}:0`;
      const answer = await get(`whois?addr=${encodeURIComponent(addr)}`);
      return answer.kind === 'answered' ? readWhois(answer.status, answer.body) : answer;
    },
    async node() {
      const answer = await get('status?peers=false');
      if (answer.kind === 'answered') return readNodeStatus(answer.status, answer.body);
      return { kind: 'away', why: `tailscaled does not answer (${answer.why})` };
    },
    async certificate(domain) {
      const answer = await get(`cert/${encodeURIComponent(domain)}?type=pair`, CERTIFICATE_TIMEOUT_MS);
      if (answer.kind === 'unavailable') return answer;
      if (answer.status === 200) return { kind: 'pair', pem: answer.body };
      return { kind: 'refused', why: answer.body.trim().slice(0, REASON_CHARACTERS) || `status ${answer.status}` };
    },
    close: () => pool.destroy(),
  };
}

/** The system's word for what went wrong; the message would name paths. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the request failed';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name;
}
