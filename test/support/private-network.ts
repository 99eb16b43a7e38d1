import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/lib/package-root.ts';
import type { ProxySettings } from './reverse-proxy.ts';

export interface Place {
  host: string;
  port: number;
}

export interface RequestOrder {
  kind: 'request';
  id: number;
  to: Place;
  method: string;
  path: string;
  /** As they go out: a name may come twice. */
  headers: [string, string][];
  body: string;
  /** One of the host's own addresses. */
  from: string | undefined;
}

export interface ProxyOrder {
  kind: 'proxy';
  id: number;
  settings: ProxySettings;
}

export type Order = RequestOrder | ProxyOrder;

export interface Answer {
  status: number;
  body: string;
}

export type News =
  | { kind: 'ready' }
  | { kind: 'head'; id: number }
  | { kind: 'listening'; id: number }
  | { kind: 'answer'; id: number; answer: Answer }
  | { kind: 'failed'; id: number; why: string };

interface Waiting {
  began: () => void;
  answered: (answer: Answer) => void;
  failed: (error: Error) => void;
}

/** Not on everybody's path. */
const IP = ['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip'].find((file) => existsSync(file)) ?? 'ip';
const PREFIX = 'aperture-test-';

/**
 * Hosts with addresses of their own choice in network namespaces that only they can reach: nothing of it shows outside,
 * and no packet leaves. The first host has the bridge, and the others are cables into it. Needs root and iproute2.
 */
export class PrivateNetwork {
  readonly #hosts: Host[] = [];
  readonly #hub = namespaceOf('hub');

  /** Why there can be none here; undefined where there can. */
  static impossible(): string | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it takes root on Linux';
    const probe = namespaceOf('probe');
    const made = ip(['netns', 'add', probe]);
    if (made !== undefined) return made;
    ip(['netns', 'delete', probe]);
    return undefined;
  }

  /** `hub` has the addresses of the first host. */
  static async create(hub: string[], others: Record<string, string[]>): Promise<PrivateNetwork> {
    removeLeftovers();
    const network = new PrivateNetwork();
    try {
      await network.#build(hub, others);
      return network;
    } catch (error) {
      await network.remove();
      throw error;
    }
  }

  async #build(hub: string[], others: Record<string, string[]>): Promise<void> {
    const at = this.#hub;
    must(['netns', 'add', at]);
    must(['-n', at, 'link', 'set', 'lo', 'up']);
    must(['-n', at, 'link', 'add', 'bridge', 'type', 'bridge']);
    must(['-n', at, 'link', 'set', 'bridge', 'up']);
    for (const address of hub) this.addAddress(address);
    this.#hosts.push(await Host.start('hub', at));
    for (const [name, addresses] of Object.entries(others)) {
      const namespace = namespaceOf(name);
      must(['netns', 'add', namespace]);
      must(['-n', namespace, 'link', 'set', 'lo', 'up']);
      // Made inside the two namespaces: the machine's own never has it.
      must(['link', 'add', 'cable', 'netns', namespace, 'type', 'veth', 'peer', 'name', name, 'netns', at]);
      must(['-n', at, 'link', 'set', name, 'master', 'bridge', 'up']);
      must(['-n', namespace, 'link', 'set', 'cable', 'up']);
      for (const address of addresses) addAddress(namespace, 'cable', address);
      this.#hosts.push(await Host.start(name, namespace));
    }
  }

  host(name: string): Host {
    const host = this.#hosts.find((one) => one.name === name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  /** What a command begins with that is to run on the first host. */
  get onHub(): string[] {
    return [IP, 'netns', 'exec', this.#hub];
  }

  addAddress(address: string): void {
    addAddress(this.#hub, 'bridge', address);
  }

  removeAddress(address: string): void {
    must(['-n', this.#hub, 'address', 'delete', withLength(address), 'dev', 'bridge']);
  }

  async remove(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.stop()));
    removeLeftovers(process.pid);
  }
}

export class Host {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #gone: Promise<void>;
  #ids = 0;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#gone = new Promise((resolve) => child.once('exit', () => resolve()));
    child.on('message', (news: News) => {
      this.#hear(news);
    });
  }

  static async start(name: string, namespace: string): Promise<Host> {
    const program = join(packageRoot(), 'dist', 'test', 'support', 'network-host.js');
    const child = spawn(IP, ['netns', 'exec', namespace, process.execPath, program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const host = new Host(name, child);
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => {
        resolve();
      });
      child.once('exit', (code) => {
        reject(new Error(`host ${name} ended with ${code}`));
      });
      child.once('error', reject);
    });
    return host;
  }

  /** The whole answer; rejects with the system's word where there is none. */
  async ask(to: Place, path: string, options: Partial<RequestOrder> = {}): Promise<Answer> {
    return (await this.begin(to, path, options)).answer;
  }

  /** Once the head has come: an answer that may take longer. */
  async begin(to: Place, path: string, options: Partial<RequestOrder> = {}): Promise<{ answer: Promise<Answer> }> {
    const host = to.host.includes(':') ? `[${to.host}]` : to.host;
    const headers = options.headers ?? [];
    const order: RequestOrder = {
      from: undefined,
      method: 'GET',
      body: '',
      ...options,
      kind: 'request',
      id: ++this.#ids,
      to,
      path,
      headers: headers.some(([name]) => name.toLowerCase() === 'host') ? headers : [['host', host], ...headers],
    };
    return this.#order(order);
  }

  /** A reverse proxy on this host, as long as the host lives. */
  async proxy(settings: ProxySettings): Promise<void> {
    await this.#order({ kind: 'proxy', id: ++this.#ids, settings });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#gone;
  }

  async #order(order: Order): Promise<{ answer: Promise<Answer> }> {
    let began = (): void => undefined;
    const begun = new Promise<void>((resolve) => (began = resolve));
    const answer = new Promise<Answer>((answered, failed) => {
      this.#waiting.set(order.id, { began, answered, failed });
    });
    this.#child.send(order);
    await Promise.race([begun, answer]);
    return { answer };
  }

  #hear(news: News): void {
    if (news.kind === 'ready') return;
    const waiting = this.#waiting.get(news.id);
    switch (news.kind) {
      case 'head':
      case 'listening':
        waiting?.began();
        return;
      case 'answer':
        waiting?.answered(news.answer);
        return;
      case 'failed':
        waiting?.failed(new Error(news.why));
        return;
    }
  }
}

function namespaceOf(name: string): string {
  return `${PREFIX}${process.pid}-${name}`;
}

/** Namespaces of this process, or of processes that are gone: they take their links with them. */
function removeLeftovers(pid?: number): void {
  const { stdout } = spawnSync(IP, ['netns', 'list'], { encoding: 'utf8' });
  for (const [name, owner] of stdout.matchAll(new RegExp(`^${PREFIX}(\\d+)-\\S+`, 'gm'))) {
    if (Number(owner) === pid || !alive(Number(owner))) ip(['netns', 'delete', name]);
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // No such process.
  }
}

function addAddress(namespace: string, link: string, address: string): void {
  // Without the search for duplicates, during which an IPv6 address cannot be used.
  const flags = address.includes(':') ? ['nodad'] : [];
  must(['-n', namespace, 'address', 'add', withLength(address), 'dev', link, ...flags]);
}

function withLength(address: string): string {
  return `${address}/${address.includes(':') ? 48 : 10}`;
}

/** What went wrong; undefined when nothing did. */
function ip(args: string[]): string | undefined {
  const done = spawnSync(IP, args, { encoding: 'utf8' });
  if (done.error !== undefined) return `ip cannot be run: ${done.error.message}`;
  return done.status === 0 ? undefined : `ip ${args.join(' ')}: ${done.stderr.trim()}`;
}

function must(args: string[]): void {
  const problem = ip(args);
  if (problem !== undefined) throw new Error(problem);
}
