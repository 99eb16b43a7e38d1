import { Link } from '@tanstack/react-router';
import { Foreign } from '../../design/hostile.tsx';
import type { AuditItem } from './entries.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SHORT = 8;

/** What it was done to, where a page has it: a config's version with its diff, a request, a budget. */
export function Target({ entry }: { entry: AuditItem }) {
  const { action, target } = entry;
  if (target === '') return null;
  const text = <Foreign most={60}>{target}</Foreign>;
  switch (action) {
    case 'config.saved':
    case 'config.rolled_back':
    case 'config.loaded':
      return /^\d{1,9}$/.test(target) ? (
        <Link to="/configuration" search={{ tab: 'versions', version: Number(target) }} title="What it changed">
          version {target}
        </Link>
      ) : (
        text
      );
    case 'capture.read':
      return UUID.test(target) && !isLetter(entry) ? (
        <Link to="/requests/$id" params={{ id: target }} title={target}>
          request …{target.slice(-SHORT)}
        </Link>
      ) : (
        text
      );
    case 'token.created':
    case 'token.revoked':
      return (
        <Link to="/access" search={{ tab: 'tokens' }}>
          {text}
        </Link>
      );
    case 'revocation.set':
    case 'revocation.lifted':
      return (
        <Link to="/access" search={{}}>
          {text}
        </Link>
      );
    case 'quota.refilled':
      return (
        <Link to="/configuration" search={{ tab: 'quotas', bucket: target }}>
          {text}
        </Link>
      );
    case 'guardrails.tested':
      return (
        <Link to="/configuration" search={{ tab: 'rules' }}>
          {text}
        </Link>
      );
    case 'deliveries.replayed':
      return UUID.test(target) ? (
        text
      ) : (
        <Link to="/deliveries" search={{ destination: target }}>
          {text}
        </Link>
      );
    default:
      return text;
  }
}

/** A letter that nobody could store is read too, and is no request. */
function isLetter({ details }: AuditItem): boolean {
  const what: unknown = typeof details === 'object' && details !== null && 'what' in details ? details.what : undefined;
  return Array.isArray(what) && what.includes('dead_letter');
}
