import { z } from 'zod';
import type { Caller } from '../contract/caller.ts';
import { isPlainLogin } from './login.ts';
import type { WhoisAnswer } from './whois.ts';

/** tailscaled's own word for the owner of a tagged node: no user stands behind it. */
const TAGGED_DEVICES = 'tagged-devices';

const WhoIs = z.looseObject({
  Node: z.looseObject({
    StableID: z.string(),
    Name: z.string().default(''),
    ComputedName: z.string().default(''),
    Tags: z.array(z.string()).nullish(),
    // Set on nodes of other tailnets: who shared the node with us, or that ours was shared with its owner.
    Sharer: z.number().default(0),
    Hostinfo: z.looseObject({ ShareeNode: z.boolean().default(false) }).nullish(),
  }),
  UserProfile: z.looseObject({ LoginName: z.string().default(''), Groups: z.array(z.string()).nullish() }).nullish(),
  // Go writes an empty map and an empty list as null.
  CapMap: z.record(z.string(), z.array(z.unknown()).nullable()).nullish(),
});

/** Reads tailscaled's answer to `/localapi/v0/whois` (`apitype.WhoIsResponse`). */
export function readWhois(status: number, body: string): WhoisAnswer {
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
  const foreign = node.Sharer !== 0 || node.Hostinfo?.ShareeNode === true;
  // Tags and groups mean what the policy file of their own tailnet says: another's `tag:admin` is not ours.
  if (foreign && tags.length > 0) {
    return { kind: 'unknown', why: 'a tagged device of another tailnet has no identity here' };
  }
  if (tags.some((tag) => !/^tag:[^,\s]+$/.test(tag))) return { kind: 'unknown', why: 'the device has a malformed tag' };
  const caller: Caller = {
    login,
    nodeId: node.StableID,
    nodeName: node.ComputedName === '' ? node.Name.replace(/\.$/, '') : node.ComputedName,
    tags,
    groups: tags.length > 0 || foreign ? [] : [...new Set(whoIs.UserProfile?.Groups ?? [])].sort(),
    source: 'tailscale',
    capabilities: Object.fromEntries(Object.entries(whoIs.CapMap ?? {}).map(([name, values]) => [name, values ?? []])),
  };
  return { kind: 'caller', caller };
}
