export type IdentitySource = 'loopback' | 'tailscale' | 'proxy_headers' | 'token' | 'oidc';

/** Who is calling, as the network says. Plain data; compared and cached by `login` and `nodeId`. */
export interface Caller {
  /** Tailscale login, the sorted joined tags of a tagged device, `(loopback)`, or a token's `token:…`. */
  login: string;
  /** Stable node id, or the token's id; empty where the source knows none. */
  nodeId: string;
  /** The device's name, or the token's. */
  nodeName: string;
  tags: string[];
  groups: string[];
  source: IdentitySource;
  /** Peer capabilities from the tailnet policy (`CapMap`): capability name -> values. */
  capabilities: Record<string, unknown[]>;
  /**
   * Of a token: who the network says sent it, where it says so. Not an identity, and grants nothing: but whoever is
   * revoked there is revoked whatever token they hold.
   */
  network?: Pick<Caller, 'login' | 'nodeId' | 'tags'>;
}
