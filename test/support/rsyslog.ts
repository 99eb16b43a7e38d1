import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.ts';

/** A message as rsyslog has read it: the fields of RFC 5424, and what stood behind them. */
export interface SyslogMessage {
  host: string;
  app: string;
  messageId: string;
  time: string;
  priority: string;
  structured: string;
  text: string;
}

/** Debian's rsyslogd with a config of its own, which listens on a port of loopback and writes what it gets to a file. */
export interface TestRsyslog {
  port: number;
  /** As a relay would: the text as it is, over TCP. */
  send(text: string): Promise<void>;
  /** What it has written, in its order. */
  messages(): SyslogMessage[];
  stop(): Promise<void>;
}

const SEPARATOR = '\u0001';

/** PEM files: what rsyslog shows to clients, and whose certificates it takes from them. */
export interface RsyslogTls {
  certFile: string;
  keyFile: string;
  caFile: string;
  /** Of the certificate that a client has to have. */
  clientName: string;
}

/** With `tls`, it takes that and nothing else. */
export async function startTestRsyslog(tls?: RsyslogTls): Promise<TestRsyslog> {
  const folder = mkdtempSync(join(tmpdir(), 'aperture-test-rsyslog-'));
  const [config, portFile, log] = ['rsyslog.conf', 'port', 'messages'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const fields = ['hostname', 'app-name', 'msgid', 'timestamp:::date-rfc3339', 'pri-text', 'structured-data', 'msg'];
  writeFileSync(
    config,
    `global(workDirectory="${folder}"${tls === undefined ? '' : tlsFiles(tls)})
module(load="imtcp"${tls === undefined ? '' : tlsDriver(tls)})
template(name="fields" type="string" string="${fields.map((field) => `%${field}%`).join('\\001')}\\n")
ruleset(name="all") { action(type="omfile" file="${log}" template="fields") }
input(type="imtcp" port="0" address="127.0.0.1" listenPortFileName="${portFile}" ruleset="all")
`,
  );
  const server = spawn('/usr/sbin/rsyslogd', ['-n', '-f', config, '-i', join(folder, 'pid')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  const port = await until(
    'rsyslogd listens',
    () => {
      if (server.exitCode !== null) throw new Error(`rsyslogd ended: ${said}`);
      return existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) || undefined : undefined;
    },
    30_000,
  );
  return {
    port,
    send: (text) =>
      new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => socket.end(text));
        socket.once('close', () => {
          resolve();
        });
        socket.once('error', reject);
        socket.resume();
      }),
    messages: () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1).map(messageOf) : []),
    stop: async () => {
      const gone = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGKILL');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function messageOf(line: string): SyslogMessage {
  const [host = '', app = '', messageId = '', time = '', priority = '', structured = '', ...text] =
    line.split(SEPARATOR);
  return { host, app, messageId, time, priority, structured, text: text.join(SEPARATOR) };
}

function tlsFiles({ certFile, keyFile, caFile }: RsyslogTls): string {
  return ` defaultNetstreamDriverCAFile="${caFile}" defaultNetstreamDriverCertFile="${certFile}" defaultNetstreamDriverKeyFile="${keyFile}"`;
}

function tlsDriver({ clientName }: RsyslogTls): string {
  return ` streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/name" permittedPeer=["${clientName}"]`;
}
