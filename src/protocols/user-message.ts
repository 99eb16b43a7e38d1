import type { Api } from '../contract/api.ts';

export const userMessageOf = (_api: Api, _body: unknown): string => '';
