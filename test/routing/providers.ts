import type { Compatibility } from '../../src/contract/api.ts';
import { modelName, providerId } from '../../src/contract/ids.ts';
import type { Provider } from '../../src/contract/provider.ts';

export function provider(id: string, models: string[], more: Partial<Provider> = {}): Provider {
  const compatibility: Compatibility[] = ['openai_chat'];
  return {
    id: providerId(id),
    name: id,
    description: '',
    baseUrl: `https://${id}.example`,
    models: models.map(modelName),
    compatibility,
    preference: 0,
    disabled: false,
    addHeaders: [],
    authMode: 'override',
    injectUsage: true,
    costBasis: undefined,
    modelCostMap: [],
    ...more,
  };
}
