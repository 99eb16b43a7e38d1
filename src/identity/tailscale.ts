import { Pool } from 'undici';
import { z } from 'zod';
import type { Caller } from '../contract/caller.ts';
import { isPlainLogin } from './login.ts';
import type { Lookup, WhoisAnswer } from './whois.ts';

/** Where tailscaled listens on Linux. */
export const TAILSCALED_SOCKET = '/var/run/tailscale/tailscaled.sock';

/** tailscaled refuses any other Host: it keeps browsers out by it. */
const LOCAL_API = 'http://local-tailscaled.sock';

/** An answer takes about a millisecond; waiting longer than this means that tailscaled hangs. */
const TIMEOUT_MS = 2_000;

/** After a restart many addresses are asked for at once; tailscaled needs not see all of them at the same time. */
const CONNECTIONS = 8;

/** A node with hundreds of capabilities stays well under this. */
const ANSWER_BYTES = 1024 * 1024;

/** tailscaled's own word for the owner of a tagged node: no user stands behind it. */
const TAGGED_DEVICES = 'tagged-devices';

const WhoIs = z.looseObject({
  Node: z.looseObject({
    StableID: z.string(),
    Name: z.string().default(''),
    ComputedName: z.string().default(''),
    Tags: z.array(z.string()).nullish(),
  }),
  UserProfile: z.looseObject({ LoginName: z.string().default(''), Groups: z.array(z.string()).nullish() }).nullish(),
  // Go writes an empty map and an empty list as null.
  CapMap: z.record(z.string(), z.array(z.unknown()).nullable()).nullish(),
});

export interface LocalApi {
  lookup: Lookup;
  close(): Promise<void>;
}

/** Whois over the LocalAPI of the tailscaled on this machine, by its Unix socket. */
export function createLocalApi(settings: { socketPath?: string; timeoutMs?: number } = {}): LocalApi {
  const timeoutMs = settings.timeoutMs ?? TIMEOUT_MS;
  const pool = new Pool(LOCAL_API, {
    connect: { socketPath: settings.socketPath ?? TAILSCALED_SOCKET, timeout: timeoutMs },
    connections: CONNECTIONS,
    maxResponseSize: ANSWER_BYTES,
  });
  return {
    async lookup(address) {
      // Port 0 is what tailscaled itself takes for a bare address, which its older versions do not read.
      const addr = address.includes(':') ? `[${address}]:0` : `${address}:0`;
      try {
        const response = await pool.request({
          method: 'GET',
          path: `/localapi/v0/whois?addr=${encodeURIComponent(addr)}`,
          signal: AbortSignal.timeout(timeoutMs),
        });
        const body = await response.body.text();
        return readAnswer(response.statusCode, body);
      } catch (error) {
        return { kind: 'unavailable', why: reasonOf(error) };
      }
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

export function readAnswer(status: number, body: string): WhoisAnswer {
  if (status === 404) return { kind: 'unknown', why: 'the tailnet knows no such address' };
  if (status !== 200) return { kind: 'unavailable', why: `status ${status}` };
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return { kind: 'unavailable', why: 'the answer is not JSON' };
  }
  const parsed = WhoIs.safeParse(json);
  if (!parsed.success) return { kind: 'unavailable', why: 'the answer has an unknown shape' };
  return callerOf(parsed.data);
}

function callerOf(whoIs: z.infer<typeof WhoIs>): WhoisAnswer {
  const node = whoIs.Node;
  const tags = [...new Set(node.Tags ?? [])].sort();
  const user = whoIs.UserProfile?.LoginName ?? '';
  // A device is owned by its tags or by a user, never by both.
  const login = tags.length > 0 ? tags.join(',') : user;
  if (tags.length === 0 && (!isPlainLogin(user) || user === TAGGED_DEVICES)) {
    return { kind: 'unknown', why: 'the device has neither a user nor tags' };
  }
  if (tags.some((tag) => !/^tag:[^,\s]+$/.test(tag))) return { kind: 'unknown', why: 'the device has a malformed tag' };
  const caller: Caller = {
    login,
    nodeId: node.StableID,
    nodeName: node.ComputedName === '' ? node.Name.replace(/\.$/, '') : node.ComputedName,
    tags,
    groups: tags.length > 0 ? [] : [...new Set(whoIs.UserProfile?.Groups ?? [])].sort(),
    source: 'tailscale',
    capabilities: Object.fromEntries(Object.entries(whoIs.CapMap ?? {}).map(([name, values]) => [name, values ?? []])),
  };
  return { kind: 'caller', caller };
}
