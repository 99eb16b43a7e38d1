import { isIP } from 'node:net';
import { assert, failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';
import type { DialTls } from '../src/sinks/dialer.ts';
import { isSyslogFormat, SYSLOG_FORMATS } from '../src/sinks/syslog/message.ts';
import type { SyslogSettings } from '../src/sinks/syslog/syslog.ts';
import { errorAt, shown } from './problem.ts';
import type { Finding, Path } from './problem.ts';
import type { Config } from './schema.ts';
import type { SyslogConfig } from './schema/syslog.ts';
import { valueAt } from './value-at.ts';
import { eventFindings, eventsOf, filterFindings } from './webhooks.ts';

/** A name, an IPv4 address, or an IPv6 address in brackets; and a port. */
const ADDRESS = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/;
const MOST_PORT = 65_535;
const NAME = /^[A-Za-z0-9._-]{1,253}$/;

/** Reads `siem.example:6514`, `10.0.0.7:514`, `[2001:db8::7]:6514`. A fault ends a sentence that begins with the address. */
function readReceiver(text: string): Result<{ host: string; port: number }, string> {
  const match = ADDRESS.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  const isUsable =
    host !== undefined && port > 0 && port <= MOST_PORT && (match?.[1] === undefined || isIP(host) === 6);
  return isUsable ? ok({ host, port }) : failed('is not a host and a port, such as "siem.example:6514"');
}

/** What is wrong with `exporters.syslog`, which is a section of ours: so these are errors. */
export function syslogFindings({ exporters }: Config, written: unknown): Finding[] {
  const section = ['exporters', 'syslog'];
  return Object.entries(exporters.syslog).flatMap(([name, syslog]) => {
    const path = [...section, name];
    return [
      ...addressFindings(path, syslog, valueAt(written, [...path, 'address'])),
      ...tlsFindings(path, syslog),
      ...formatFindings(path, syslog),
      ...eventFindings(path, syslog.events),
      ...filterFindings(path, syslog),
    ].map((finding) => ({ ...finding, message: `syslog ${name}: ${finding.message}` }));
  });
}

function addressFindings(path: Path, { address }: SyslogConfig, written: unknown): Finding[] {
  const read = readReceiver(address);
  if (read.ok) return [];
  const quoted = typeof written === 'string' ? shown(written) : '';
  return [errorAt([...path, 'address'], `the address "${quoted}" ${read.fault}`)];
}

function tlsFindings(path: Path, { tls, framing, plain_tcp }: SyslogConfig): Finding[] {
  const findings: Finding[] = [];
  if (framing === 'newline' && tls !== false) {
    findings.push(errorAt([...path, 'framing'], 'with TLS, messages are framed by octet_counting (RFC 5425)'));
  }
  if (plain_tcp && tls !== false) {
    findings.push(errorAt([...path, 'plain_tcp'], 'plain_tcp stands beside TLS: it is for "tls": false'));
  }
  if (typeof tls === 'boolean') return findings;
  const at = [...path, 'tls'];
  const { server_name, cert_file, key_file } = tls;
  if (server_name !== undefined && (isIP(server_name) !== 0 || !NAME.test(server_name))) {
    findings.push(errorAt([...at, 'server_name'], `"${shown(server_name)}" is not the name of a host`));
  }
  if ((cert_file === undefined) !== (key_file === undefined)) {
    const [there, missing] = cert_file === undefined ? ['key_file', 'cert_file'] : ['cert_file', 'key_file'];
    findings.push(errorAt([...at, there], `${there} stands without ${missing}`));
  }
  return findings;
}

function formatFindings(path: Path, { format }: SyslogConfig): Finding[] {
  if (isSyslogFormat(format)) return [];
  return [errorAt([...path, 'format'], `the format "${shown(format)}" is not one of ${SYSLOG_FORMATS.join(', ')}`)];
}

export function syslogOf(receivers: Config['exporters']['syslog']): SyslogSettings[] {
  return Object.entries(receivers).map(([name, syslog]) => {
    const address = readReceiver(syslog.address);
    assert(address.ok, 'a loaded config has readable syslog addresses');
    const { format, facility, framing, message_bytes, bom, filter, batch, timeout } = syslog;
    assert(isSyslogFormat(format), 'a loaded config names formats that there are');
    return {
      destination: `syslog.${name}`,
      target: { ...address.value, text: syslog.address, tls: tlsOf(syslog), plain: syslog.plain_tcp },
      format,
      facility,
      framing,
      messageBytes: message_bytes,
      bom,
      events: eventsOf(syslog),
      filter,
      batch: { most: batch.most, waitMs: batch.wait },
      timeoutMs: timeout,
    };
  });
}

function tlsOf({ tls }: SyslogConfig): DialTls | undefined {
  if (tls === false) return undefined;
  const { ca_file, server_name, cert_file, key_file } = tls === true ? {} : tls;
  return {
    caFile: ca_file,
    serverName: server_name,
    client: cert_file === undefined || key_file === undefined ? undefined : { certFile: cert_file, keyFile: key_file },
  };
}
