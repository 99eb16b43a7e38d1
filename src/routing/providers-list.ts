import { COMPATIBILITIES } from '../contract/api.ts';
import type { Provider } from '../contract/provider.ts';

/**
 * `GET /api/providers`, as Aperture's CLI and clients read it (aperture.md, section 3.4): an array, disabled providers
 * too, every compatibility flag by name.
 */
export function providersAnswer(providers: readonly Provider[]): unknown[] {
  return providers.map(({ id, name, description, models, compatibility, authMode, disabled }) => ({
    id,
    name,
    description,
    models,
    compatibility: Object.fromEntries(COMPATIBILITIES.map((flag) => [flag, compatibility.includes(flag)])),
    ...(authMode === 'passthrough' ? { requires_client_auth: true } : {}),
    // Ours: an enabled one looks as it does in Aperture.
    ...(disabled ? { disabled: true } : {}),
  }));
}
