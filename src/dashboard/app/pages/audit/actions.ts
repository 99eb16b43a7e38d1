/** What can stand in the log (`src/contract/audit.ts`), and how one says it. */
export const ACTION_NAMES = {
  'config.saved': 'Config saved',
  'config.rolled_back': 'Config rolled back',
  'config.loaded': 'Config loaded from its file',
  'token.created': 'Token made',
  'token.revoked': 'Token revoked',
  'revocation.set': 'Shut out',
  'revocation.lifted': 'Let in again',
  'quota.refilled': 'Budget refilled',
  'hold.placed': 'Hold placed',
  'hold.released': 'Hold released',
  'capture.read': 'Capture read',
  'deliveries.replayed': 'Deliveries replayed',
  'dead_letters.replayed': 'Dead letters replayed',
  'dead_letters.removed': 'Dead letter removed',
  'journal.replayed': 'Journal replayed',
  'records.repriced': 'Records repriced',
  'retention.dropped': 'Dropped by retention',
  'guardrails.tested': 'Rules tried',
} as const;
export type AuditAction = keyof typeof ACTION_NAMES;

export const AUDIT_ACTIONS = Object.keys(ACTION_NAMES).filter((name): name is AuditAction => name in ACTION_NAMES);

/** A newer gateway may log what this page has no words for. */
export function actionName(action: string): string {
  const known = AUDIT_ACTIONS.find((each) => each === action);
  return known === undefined ? action : ACTION_NAMES[known];
}
