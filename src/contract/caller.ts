export type IdentitySource = 'loopback' | 'tailscale' | 'proxy_headers' | 'token' | 'oidc';

/** Who is calling, as the network says. Plain data; compared and cached by `login` and `nodeId`. */
export interface Caller {
  /** Tailscale login, the sorted joined tags of a tagged device, or `(loopback)`. */
  login: string;
  /** Stable node id; empty where the source knows none. */
  nodeId: string;
  nodeName: string;
  tags: string[];
  groups: string[];
  source: IdentitySource;
  /** Peer capabilities from the tailnet policy (`CapMap`): capability name -> values. */
  capabilities: Record<string, unknown[]>;
}
