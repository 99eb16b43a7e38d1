/** A grant as config has read it. */
export interface GrantInput {
  /** Stable within a config; what records and explanations name. */
  id: string;
  /** `*`, login, `group:x`, a group's e-mail address, one tag or a device's joined tags, `(loopback)`. */
  src: readonly string[];
  capabilities: readonly CapabilityInput[];
  /** Capabilities of others, by name: opaque, for hooks. */
  custom: Readonly<Record<string, readonly unknown[]>>;
}

export type Role = 'admin' | 'user';

export interface CapabilityInput {
  role?: Role | undefined;
  models?: string | undefined;
  quotas?: readonly { bucket: string }[] | undefined;
  send_hooks?: readonly SendHook[] | undefined;
  add_headers?: readonly string[] | undefined;
  connectors?: readonly string[] | undefined;
  read_metrics?: boolean | undefined;
  read_pricing?: boolean | undefined;
  read_captures?: boolean | undefined;
  read_audit?: boolean | undefined;
  filterable_headers?: readonly string[] | undefined;
  enable_chat_ui?: boolean | undefined;
  direct_paths?: unknown;
}

export interface SendHook {
  name: string;
  events: readonly string[];
  send: readonly string[];
}
