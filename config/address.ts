import { BlockList, isIP as ipVersion } from 'node:net';
import { canonicalIp } from '../src/lib/ip.ts';
import { failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';

/** Where to listen. */
export type Address =
  | { kind: 'tcp'; text: string; host: string; port: number; loopback: boolean }
  /** The addresses of this machine's tailnet node, whatever they are. */
  | { kind: 'tailscale'; text: string; port: number };

const ADDRESS = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s[\]:/@]*)):(\d{1,5})$/;
const MOST_PORT = 65_535;

/** Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`, `:8080` (all addresses) or `tailscale:80`. */
export function readAddress(text: string): Result<Address, string> {
  const match = ADDRESS.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > MOST_PORT) {
    return failed('is not an address such as "127.0.0.1:8080", "[::1]:8080" or "tailscale:80"');
  }
  const bracketed = match[1];
  if (bracketed === undefined && match[2] === 'tailscale') return ok({ kind: 'tailscale', text, port });
  const name = bracketed ?? match[2] ?? '';
  const host = name === '' ? '::' : name;
  return ok({ kind: 'tcp', text, host, port, loopback: isLoopback(host) });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

const CIDR = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/;

/** An IPv4 or IPv6 address, or a range of them in CIDR notation. */
export function isAddressRange(text: string): boolean {
  const match = CIDR.exec(text);
  if (match === null) return false;
  const version = ipVersion(match[1] ?? '');
  const bits = match[2] === undefined ? 0 : Number(match[2]);
  return version !== 0 && bits <= (version === 4 ? 32 : 128);
}

const LOOPBACKS = blockList([
  ['127.0.0.0', 8],
  ['::1', 128],
]);

/** Whether the gateway can tell what is in a range: not of IPv4 addresses that are written as IPv6. */
export function isUsableRange(text: string): boolean {
  if (!isAddressRange(text)) return false;
  const [address = '', bits] = text.split('/');
  return (
    bits === undefined ||
    canonicalIp(address) === undefined ||
    ipVersion(canonicalIp(address) ?? '') === ipVersion(address)
  );
}

/** Whether a range that `isAddressRange` accepts has a loopback address in it. */
export function coversLoopback(range: string): boolean {
  const [ip = '', bits] = range.split('/');
  const widest = ipVersion(ip) === 4 ? 32 : 128;
  const covered = blockList([[ip, bits === undefined ? widest : Number(bits)]]);
  return (
    LOOPBACKS.check(ip, family(ip)) ||
    ['127.0.0.1', '::1', '::ffff:127.0.0.1'].some((one) => covered.check(one, family(one)))
  );
}

function blockList(ranges: [ip: string, bits: number][]): BlockList {
  const list = new BlockList();
  for (const [ip, bits] of ranges) list.addSubnet(ip, bits, family(ip));
  return list;
}

function family(ip: string): 'ipv4' | 'ipv6' {
  return ipVersion(ip) === 4 ? 'ipv4' : 'ipv6';
}
