/** Objects of the schema that several classes use. Each has to have a name or an id, whatever the event lacks. */

const UNKNOWN = 'unknown';

interface Who {
  login: string;
  groups: readonly string[];
  agent: string;
  node_id: string;
  node_name: string;
}

export function actor({ login, groups, agent }: Who): Record<string, unknown> {
  return {
    user: { ...userOf(login), ...(groups.length === 0 ? {} : { groups: groups.map((name) => ({ name })) }) },
    ...(agent === '' ? {} : { app_name: agent }),
  };
}

/** Logins of devices, tokens and this machine are no addresses. */
export function userOf(login: string): Record<string, unknown> {
  return { name: login === '' ? UNKNOWN : login, ...(login.includes('@') ? { email_addr: login } : {}) };
}

export function sourceEndpoint({ node_id, node_name }: Who): Record<string, unknown> {
  return {
    name: node_name !== '' ? node_name : node_id !== '' ? node_id : UNKNOWN,
    ...(node_id === '' ? {} : { uid: node_id }),
  };
}

export function modelResource(provider: string, model: string): Record<string, unknown>[] {
  if (model === '') return [];
  return [{ name: model, uid: provider === '' ? model : `${provider}/${model}`, type: 'AI model' }];
}

export function api(
  operation: string,
  provider: string,
  request: string,
): { operation: string; [name: string]: unknown } {
  return {
    operation: operation === '' ? UNKNOWN : operation,
    ...(provider === '' ? {} : { service: { name: provider } }),
    request: { uid: request },
  };
}
