import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A node as tailscaled describes it: the members that matter, and enough of the others to look real. */
export interface NodeShape {
  stableId: string;
  name: string;
  login?: string;
  displayName?: string;
  tags?: string[];
  groups?: string[];
  capMap?: Record<string, unknown[] | null> | null;
  /** A node of another tailnet: who shared it with us, or that ours was shared with its owner. */
  sharer?: number;
  shareeNode?: boolean;
}

/** The node that tailscaled itself is. */
export interface SelfShape {
  backendState: string;
  /** Null, as Go writes an absent list. */
  addresses: string[] | null;
  /** With its final dot. */
  dnsName: string;
  tun: boolean;
}

export type Mode = 'answer' | 'hang' | 'junk' | 'other-shape' | 'forbidden';

/**
 * A stand-in for tailscaled's LocalAPI on a real Unix socket: the Host it insists on, the statuses, the indented JSON,
 * `null` for empty maps, `tagged-devices` as the owner of tagged nodes.
 */
export class TailscaledDouble {
  readonly folder = mkdtempSync(join(tmpdir(), 'tailscaled-'));
  readonly socketPath = join(this.folder, 'tailscaled.sock');
  readonly nodes = new Map<string, NodeShape>();
  readonly asked: string[] = [];
  readonly self: SelfShape = {
    backendState: 'Running',
    addresses: ['100.64.0.1', 'fd7a:115c:a1e0::1'],
    dnsName: 'ai.tail9da30d.ts.net.',
    tun: true,
  };
  /** Key and chain by domain, as PEM; any other domain is refused. */
  readonly certificates = new Map<string, string>();
  mode: Mode = 'answer';
  /** Answers wait until this resolves. */
  gate: Promise<void> = Promise.resolve();
  #server: Server | undefined;

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(this.socketPath, resolve));
    this.#server = server;
  }

  /** As when tailscaled is stopped: its socket goes, and its connections with it. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://local-tailscaled.sock');
    if (request.headers.host !== 'local-tailscaled.sock') {
      end(response, 403, 'invalid localapi request');
      return;
    }
    const [, endpoint, rest = ''] = /^\/localapi\/v0\/([a-z]+)(?:\/(.*))?$/.exec(url.pathname) ?? [];
    if (request.method !== 'GET' || endpoint === undefined) {
      end(response, 404, 'not found');
      return;
    }
    const addr = url.searchParams.get('addr') ?? '';
    if (endpoint === 'whois') this.asked.push(addr);
    if (this.mode === 'hang') return;
    if (this.mode === 'junk') {
      end(response, 200, '{"Node":');
      return;
    }
    if (this.mode === 'other-shape') {
      end(response, 200, '{"node":{"id":1}}');
      return;
    }
    if (this.mode === 'forbidden') {
      end(response, 403, `${endpoint} access denied`);
      return;
    }
    await this.gate;
    switch (endpoint) {
      case 'status':
        endJson(response, statusOf(this.self));
        return;
      case 'cert':
        this.#answerCertificate(rest, response);
        return;
      case 'whois':
        this.#answerWhois(addr, response);
        return;
      default:
        end(response, 404, 'not found');
    }
  }

  /** `ipnlocal.GetCertPEM`: only names of this node; the key comes first (`type=pair`). */
  #answerCertificate(domain: string, response: ServerResponse): void {
    const pem = this.certificates.get(domain);
    if (pem === undefined) end(response, 500, 'your Tailscale account does not support getting TLS certs\n');
    else end(response, 200, pem);
  }

  #answerWhois(addr: string, response: ServerResponse): void {
    // netip.ParseAddrPort: an address with a port, IPv6 in brackets.
    const found = /^(?:\[([0-9a-f:]+)\]|([0-9.]+)):(\d+)$/.exec(addr);
    if (found === null) {
      end(response, 400, "invalid 'addr' parameter");
      return;
    }
    const node = this.nodes.get(found[1] ?? found[2] ?? '');
    if (node === undefined) {
      end(response, 404, 'no match for IP:port');
      return;
    }
    endJson(response, shape(node));
  }
}

function endJson(response: ServerResponse, answer: unknown): void {
  response.setHeader('content-type', 'application/json');
  end(response, 200, JSON.stringify(answer, null, '\t'));
}

/** `ipnstate.Status`, without peers. */
function statusOf(self: SelfShape): unknown {
  return {
    Version: '1.90.0',
    TUN: self.tun,
    BackendState: self.backendState,
    AuthURL: '',
    TailscaleIPs: self.addresses,
    Self: {
      ID: 'nGateway1CNTRL',
      HostName: 'ai',
      DNSName: self.dnsName,
      OS: 'linux',
      UserID: 1234,
      TailscaleIPs: self.addresses,
      Online: true,
    },
    Health: null,
    MagicDNSSuffix: 'tail9da30d.ts.net',
    CertDomains: null,
    Peer: null,
    User: null,
  };
}

function end(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.end(body);
}

function shape(node: NodeShape): unknown {
  return {
    Node: {
      ID: 4130514042221011,
      StableID: node.stableId,
      Name: `${node.name}.tail9da30d.ts.net.`,
      User: 1234,
      ...(node.sharer === undefined ? {} : { Sharer: node.sharer }),
      Key: 'nodekey:4ecc1a0d000000000000000000000000000000000000000000000000000000aa',
      KeyExpiry: '2027-01-01T00:00:00Z',
      Addresses: ['100.83.165.96/32', 'fd7a:115c:a1e0::6639:a560/128'],
      AllowedIPs: ['100.83.165.96/32'],
      Hostinfo: {
        OS: 'linux',
        Hostname: node.name,
        ...(node.shareeNode === undefined ? {} : { ShareeNode: node.shareeNode }),
      },
      Created: '2026-01-01T00:00:00Z',
      ...(node.tags === undefined ? {} : { Tags: node.tags }),
      ComputedName: node.name,
      ComputedNameWithHost: node.name,
    },
    UserProfile: {
      ID: 4130514042221011,
      LoginName: node.login ?? (node.tags === undefined ? '' : 'tagged-devices'),
      DisplayName: node.displayName ?? '',
      ...(node.groups === undefined ? {} : { Groups: node.groups }),
    },
    CapMap: node.capMap ?? null,
  };
}
