import { z } from 'zod';
import { canonicalIp } from '../lib/ip.ts';

/** This machine's own node in its tailnet. */
export type NodeStatus =
  | {
      kind: 'running';
      /** Canonical; IPv4 and IPv6. Never empty. */
      addresses: readonly string[];
      /** Its full MagicDNS name, lower case, without the final dot. */
      dnsName: string | undefined;
      /** Name of its tailnet, as `example.com`; empty where tailscaled does not say. */
      tailnet: string;
      /** tailscaled has no network interface (userspace networking): nobody can listen on the addresses. */
      userspace: boolean;
    }
  | { kind: 'away'; why: string };

/** The members of `ipnstate.Status` that matter here. Go writes an absent list as null. */
const Status = z.looseObject({
  BackendState: z.string(),
  TUN: z.boolean().optional(),
  CurrentTailnet: z.looseObject({ Name: z.string().default('') }).nullish(),
  Self: z.looseObject({ DNSName: z.string().default(''), TailscaleIPs: z.array(z.string()).nullish() }).nullish(),
});

const TAILNET_CHARS = 256;
const DNS_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Reads tailscaled's answer to `/localapi/v0/status`. */
export function readNodeStatus(status: number, body: string): NodeStatus {
  if (status !== 200) return away(`tailscaled answers with status ${status}`);
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return away('the answer of tailscaled is not JSON');
  }
  const parsed = Status.safeParse(json);
  if (!parsed.success) return away('the answer of tailscaled has an unknown shape');
  const { BackendState, TUN, Self, CurrentTailnet } = parsed.data;
  if (BackendState !== 'Running') return away(`tailscale is not running here: ${BackendState.slice(0, 40)}`);
  const addresses = (Self?.TailscaleIPs ?? []).map(canonicalIp).filter((address) => address !== undefined);
  if (addresses.length === 0) return away('the node has no address yet');
  const name = Self?.DNSName.toLowerCase().replace(/\.$/, '') ?? '';
  return {
    kind: 'running',
    addresses: [...new Set(addresses)],
    dnsName: DNS_NAME.test(name) ? name : undefined,
    tailnet: (CurrentTailnet?.Name ?? '').slice(0, TAILNET_CHARS),
    userspace: TUN === false,
  };
}

function away(why: string): NodeStatus {
  return { kind: 'away', why };
}
