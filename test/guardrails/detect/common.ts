/** What every rule says beside its kind. */
export const COMMON = {
  sides: ['request' as const],
  shadow: false,
  message: '',
  statusCode: 403,
  thinking: false,
  action: 'redact' as const,
};
