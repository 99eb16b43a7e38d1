import { describe, expect, test } from 'vitest';
import { addressPolicy } from '../../src/sinks/addresses.ts';

/** By hand, from IANA's special-purpose registries and the advisories of failure-modes.md, section 2. */
const NOT_PUBLIC: [string, ...string[]][] = [
  ['loopback', '127.0.0.1', '127.255.255.254', '::1'],
  ['unspecified', '0.0.0.0', '0.1.2.3', '::'],
  ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
  ['CGNAT, which tailnets use', '100.64.0.1', '100.127.255.255', '100.100.100.200'],
  ['link-local', '169.254.0.1', '169.254.169.254', 'fe80::1', 'febf::1', 'fe80::1%eth0'],
  ['unique local', 'fc00::1', 'fd00:ec2::254', 'fdff:ffff::1', 'fd7a:115c:a1e0::1'],
  ['site-local', 'fec0::1', 'feff::1'],
  ['mapped IPv4', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:a9fe:a9fe', '0:0:0:0:0:ffff:7f00:1'],
  ['compatible IPv4', '::127.0.0.1', '::a9fe:a9fe'],
  ['translated IPv4', '::ffff:0:127.0.0.1'],
  ['NAT64', '64:ff9b::127.0.0.1', '64:ff9b::8.8.8.8', '64:ff9b:1::1'],
  ['6to4', '2002:7f00:1::', '2002:a9fe:a9fe::1', '192.88.99.1'],
  ['Teredo and its neighbours', '2001::1', '2001:0:4136:e378::1', '2001:10::1'],
  ['multicast', '224.0.0.1', '239.255.255.255', 'ff02::1'],
  ['broadcast and reserved', '255.255.255.255', '240.0.0.1'],
  ['documentation', '192.0.2.1', '198.51.100.7', '203.0.113.9', '2001:db8::1', '3fff::1'],
  ['benchmarks', '198.18.0.1', '198.19.255.255'],
  ['protocol assignments', '192.0.0.8', '100::1', '5f00::1'],
  ["a cloud's own, at a public address", '168.63.129.16'],
  ['no address at all', '', 'localhost', '1.2.3', '0x7f.0.0.1', '127.1', '2130706433', '1.2.3.4.5'],
];

describe('without anything allowed', () => {
  test.each(NOT_PUBLIC)('%s is refused', (_what, ...addresses: string[]) => {
    const policy = addressPolicy([]);
    expect(addresses.map((address) => [address, policy.judge(address)])).toEqual(
      addresses.map((address) => [address, 'refused']),
    );
  });

  test.each(['8.8.8.8', '1.1.1.1', '99.255.255.255', '100.63.255.255', '100.128.0.0', '172.15.0.1', '172.32.0.1'])(
    '%s is public',
    (address) => {
      expect(addressPolicy([]).judge(address)).toBe('public');
    },
  );

  test.each(['2606:4700:4700::1111', '2a00:1450:4001::200e', '2001:4860:4860::8888', '::ffff:8.8.8.8'])(
    '%s is public',
    (address) => {
      expect(addressPolicy([]).judge(address)).toBe('public');
    },
  );
});

describe('a range that the operator allows', () => {
  test('is allowed, and no other', () => {
    const policy = addressPolicy(['100.64.0.0/10', 'fd7a:115c:a1e0::/48', '127.0.0.1']);
    for (const address of ['100.101.102.103', '::ffff:100.101.102.103', 'fd7a:115c:a1e0::9', '127.0.0.1']) {
      expect(policy.judge(address), address).toBe('allowed');
    }
    for (const address of ['127.0.0.2', '10.0.0.1', 'fd00::1', '::1']) {
      expect(policy.judge(address), address).toBe('refused');
    }
  });

  test('holds no metadata address, unless that is named by itself', () => {
    const wide = addressPolicy(['0.0.0.0/0', '::/0', '64:ff9b::/96']);
    const metadata = ['169.254.169.254', '100.100.100.200', '100.100.100.100', '168.63.129.16', 'fd00:ec2::254'];
    for (const address of [...metadata, '64:ff9b::a9fe:a9fe', '64:ff9b::169.254.169.254', '::ffff:169.254.169.254']) {
      expect(wide.judge(address), address).toBe('refused');
    }
    expect(wide.judge('10.0.0.1')).toBe('allowed');
    for (const named of ['169.254.169.254', '169.254.169.254/32', 'fd00:ec2::254', 'fd00:ec2::254/128']) {
      expect(addressPolicy([named]).judge(named.split('/')[0]!), named).toBe('allowed');
    }
    expect(addressPolicy(['169.254.169.254/31']).judge('169.254.169.254')).toBe('refused');
  });
});
