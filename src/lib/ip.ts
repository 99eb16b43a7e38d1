import { BlockList, SocketAddress, isIPv4, isIPv6 } from 'node:net';

const MAPPED = '::ffff:';

/**
 * One text per address: IPv4 dotted, IPv6 in its shortest form, an IPv4 address mapped into IPv6 as IPv4, without a
 * zone. Undefined for what is no address. Socket layers write the same peer in different ways.
 */
export function canonicalIp(text: string): string | undefined {
  if (isIPv4(text)) return text;
  const zone = text.indexOf('%');
  const bare = zone < 0 ? text : text.slice(0, zone);
  if (!isIPv6(bare)) return undefined;
  const short = new SocketAddress({ address: bare, family: 'ipv6' }).address;
  const tail = short.startsWith(MAPPED) ? short.slice(MAPPED.length) : short;
  return isIPv4(tail) ? tail : short;
}

/** A set of address ranges. */
export interface IpRanges {
  readonly empty: boolean;
  /** Takes an address as `canonicalIp` writes it. */
  has(canonical: string): boolean;
}

/** From CIDRs or single addresses; throws on what is neither, as config has checked them before. */
export function ipRanges(cidrs: readonly string[]): IpRanges {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = '', bits, ...rest] = cidr.split('/');
    const address = canonicalIp(network);
    const longest = address !== undefined && isIPv4(address) ? 32 : 128;
    const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
    if (address === undefined || prefix < 0 || prefix > longest || rest.length > 0) {
      throw new Error(`"${cidr}" is neither an address nor a CIDR`);
    }
    list.addSubnet(address, prefix, longest === 32 ? 'ipv4' : 'ipv6');
  }
  return {
    empty: cidrs.length === 0,
    has: (canonical) => list.check(canonical, isIPv4(canonical) ? 'ipv4' : 'ipv6'),
  };
}
