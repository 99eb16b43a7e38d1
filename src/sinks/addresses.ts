import { isIPv4 } from 'node:net';
import { canonicalIp, ipRanges } from '../lib/ip.ts';

/**
 * What is no public IPv4 address: the special-purpose registry of IANA (RFC 6890 and after it), multicast, and what is
 * reserved, the broadcast address included.
 */
const SPECIAL_4 = ipRanges([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]);

/**
 * Of IPv6, only global unicast is public. So link-local, unique local and site-local (fec0::/10) addresses, multicast,
 * loopback, NAT64 (64:ff9b::/96) and every other way to write an IPv4 address are not.
 */
const GLOBAL_6 = ipRanges(['2000::/3']);
/** Within it: Teredo and other protocol assignments, documentation, and 6to4, which carries an IPv4 address. */
const SPECIAL_6 = ipRanges(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);

/** Where clouds, container platforms and tailnets hand out credentials to whoever asks from this machine. */
const METADATA_4 = [
  '169.254.169.254',
  '169.254.169.253',
  '169.254.169.123',
  '169.254.170.2',
  '169.254.170.23',
  '169.254.0.23',
  '100.100.100.200',
  '100.100.100.100',
  '168.63.129.16',
  '192.0.0.192',
];
const METADATA = ipRanges([
  ...METADATA_4,
  // The same behind a translator, which an operator may have allowed.
  ...METADATA_4.map((address) => `64:ff9b::${address}`),
  'fd00:ec2::254',
  'fd00:ec2::253',
  'fd00:ec2::23',
  'fd20:ce::254',
  'fd7a:115c:a1e0::53',
]);

export type Judgement = 'public' | 'allowed' | 'refused';

/** Whether the gateway may connect to an address that it has of a host. */
export interface AddressPolicy {
  judge(address: string, host?: string): Judgement;
}

/** This machine, and what Tailscale gives to nodes. */
const NEAR = ipRanges(['127.0.0.0/8', '::1', '100.64.0.0/10', 'fd7a:115c:a1e0::/48']);

/**
 * Public addresses are always allowed, all others only where a range of `allow` has them. A metadata address takes more:
 * it has to be named by itself, and no range that happens to hold it will do.
 *
 * With `near`, a host that says by itself that it is this machine or a node of a tailnet may be one. A public name that
 * turns out to be at such an address may not: whoever owns the name decides that, and not the operator.
 */
export function addressPolicy(allow: readonly string[], near = false): AddressPolicy {
  const allowed = ipRanges(allow);
  const named = new Set(allow.map(singleAddress));
  return {
    judge: (text, host = '') => {
      const address = canonicalIp(text);
      if (address === undefined) return 'refused';
      if (named.has(address)) return 'allowed';
      if (METADATA.has(address)) return 'refused';
      if (allowed.has(address)) return 'allowed';
      if (near && NEAR.has(address) && namesNear(host)) return 'allowed';
      return isPublic(address) ? 'public' : 'refused';
    },
  };
}

/** Whether only an operator's own machines have such a name: an address of theirs, `localhost`, a MagicDNS name. */
function namesNear(host: string): boolean {
  const address = canonicalIp(host);
  if (address !== undefined) return NEAR.has(address);
  const name = host.toLowerCase().replace(/\.$/, '');
  return (name !== '' && !name.includes('.')) || name.endsWith('.localhost') || name.endsWith('.ts.net');
}

function isPublic(address: string): boolean {
  return isIPv4(address) ? !SPECIAL_4.has(address) : GLOBAL_6.has(address) && !SPECIAL_6.has(address);
}

/** The address of an entry that holds one and no more. */
function singleAddress(entry: string): string | undefined {
  const [text = '', bits] = entry.split('/');
  const address = canonicalIp(text);
  if (address === undefined) return undefined;
  return bits === undefined || bits === (isIPv4(address) ? '32' : '128') ? address : undefined;
}
