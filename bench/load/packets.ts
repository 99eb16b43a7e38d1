import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * An observer from outside: `tcpdump` on the loopback interface, which has the kernel's own time of each packet. It takes part in
 * nothing, and needs root.
 */
export interface PacketWatch {
  /** What passed since it began. Rejects where the kernel had no room for some of it. */
  end(): Promise<Packet[]>;
}

/** With at least a byte of its own. */
export interface Packet {
  /** Since the Unix epoch, with fractions of microseconds. */
  atMs: number;
  from: number;
  to: number;
  /** As far as it is kept: the head of an answer. */
  text: string;
}

/** Of a packet: its headers, and what an answer says in its own. */
const KEPT_BYTES = 2048;
const RING_KIB = 16 * 1024;
/** A packet is handed over this much later at the most. */
const SETTLED_MS = 1_500;

/** Rejects where it may not watch. */
export async function watchPackets(ports: readonly number[]): Promise<PacketWatch> {
  const filter = ports.map((port) => `tcp port ${port}`).join(' or ');
  const args = ['-i', 'lo', '-n', '-B', String(RING_KIB), '-s', String(KEPT_BYTES), '--time-stamp-precision=nano'];
  const dump = spawn('tcpdump', [...args, '-w', '-', filter], { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  dump.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  let said = '';
  const ended = once(dump, 'close');
  const listens = new Promise<void>((resolve, reject) => {
    dump.once('error', reject);
    dump.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('listening on')) resolve();
    });
    dump.once('close', () => {
      reject(new Error(`tcpdump: ${said}`));
    });
  });
  await listens;
  return {
    end: async () => {
      await sleep(SETTLED_MS);
      dump.kill('SIGINT');
      await ended;
      const [, dropped] = /(\d+) packets? dropped by kernel/.exec(said) ?? [];
      if (dropped !== '0') throw new Error(`tcpdump: ${said}`);
      return packetsOf(Buffer.concat(chunks));
    },
  };
}

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const ETHERNET_BYTES = 14;

/** A capture file with nanoseconds, of this machine's byte order (pcap-savefile(5)); IPv4 (RFC 791) and TCP (RFC 9293). */
function packetsOf(file: Buffer): Packet[] {
  const packets: Packet[] = [];
  for (let at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= file.length;) {
    const atMs = file.readUInt32LE(at) * 1e3 + file.readUInt32LE(at + 4) / 1e6;
    const end = at + RECORD_HEADER_BYTES + file.readUInt32LE(at + 8);
    const ip = at + RECORD_HEADER_BYTES + ETHERNET_BYTES;
    const tcp = ip + 4 * (file.readUInt8(ip) & 0x0f);
    const data = tcp + 4 * (file.readUInt8(tcp + 12) >> 4);
    if (ip + file.readUInt16BE(ip + 2) > data) {
      const text = file.toString('latin1', data, end);
      packets.push({ atMs, from: file.readUInt16BE(tcp), to: file.readUInt16BE(tcp + 2), text });
    }
    at = end;
  }
  return packets;
}

/** One exchange as its packets passed, in milliseconds. */
export interface Passed {
  /** From the request's first packet to the gateway to the first from there. */
  thereMs: number;
  /** From the answer's first packet to the gateway to the first from there. */
  backMs: number;
  /** From the request's first packet to the gateway to the answer's first from there. */
  headMs: number;
  /** What the answer's `server-timing` says; undefined where it has none. */
  said: { gatewayMs: number; upstreamMs: number } | undefined;
}

/** Of exchanges that followed one another: each ended before the next began. */
export function exchangesIn(packets: readonly Packet[], gateway: number, provider: number): Passed[] {
  const passed: Passed[] = [];
  /** When the request came and left, and the answer came. */
  let times: number[] = [];
  for (const { atMs, from, to, text } of packets) {
    const isNext = [to === gateway, to === provider, from === provider, from === gateway][times.length] ?? false;
    if (!isNext) continue;
    const [cameMs = 0, leftMs = 0, answeredMs = 0] = times;
    times.push(atMs);
    if (times.length < 4) continue;
    passed.push({
      thereMs: leftMs - cameMs,
      backMs: atMs - answeredMs,
      headMs: atMs - cameMs,
      said: saidIn(text),
    });
    times = [];
  }
  return passed;
}

function saidIn(head: string): Passed['said'] {
  const said = /\r\nserver-timing: gateway;dur=([\d.]+), upstream;dur=([\d.]+)/i.exec(head);
  return said === null ? undefined : { gatewayMs: Number(said[1]), upstreamMs: Number(said[2]) };
}
