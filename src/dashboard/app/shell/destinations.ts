import type { Place } from './places.ts';

export interface Destination {
  /** Its address within the pages, as the browser has it. */
  href: string;
  name: string;
  /** Beside it, smaller. */
  note: string;
}

const BASE = '/ui';
/** The list scrolls; who has more models than that types more of a name. */
const MOST = 50;
/** As the gateway mints them. */
const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Shorter texts are the beginning of something else. */
const SESSION_CHARACTERS = 6;

interface Known {
  places: readonly Place[];
  models: readonly string[];
  isAdmin: boolean;
}

/** Where a typed text may lead, the likeliest first. */
export function destinationsFor(typed: string, { places, models, isAdmin }: Known): Destination[] {
  const text = typed.trim();
  const wanted = text.toLowerCase();
  const found: Destination[] = [];
  if (REQUEST_ID.test(text)) {
    found.push({ href: `${BASE}/requests/${wanted}`, name: 'Open the request', note: wanted });
    found.push({ href: `${BASE}/compare?a=${wanted}`, name: 'Compare it with another', note: wanted });
  }
  for (const { to, name, about } of ranked(places, wanted)) {
    found.push({ href: to === '/' ? `${BASE}/` : BASE + to, name, note: about });
  }
  if (text !== '') {
    for (const model of models) {
      if (model.toLowerCase().includes(wanted))
        found.push({ href: `${BASE}/?${query('model', model)}`, name: model, note: 'its use' });
    }
    if (isAdmin && text.includes('@')) {
      found.push({ href: `${BASE}/requests?${query('login', text)}`, name: 'Requests of', note: text });
    }
    if (text.length >= SESSION_CHARACTERS && !REQUEST_ID.test(text)) {
      found.push({ href: `${BASE}/sessions/${encodeURIComponent(text)}`, name: 'Open the session', note: text });
    }
  }
  return found.slice(0, MOST);
}

/** Those that begin with what is wanted, then those that have it in their name, then in what they are about. */
function ranked(places: readonly Place[], wanted: string): Place[] {
  const rankOf = ({ name, about }: Place): number => {
    if (name.toLowerCase().startsWith(wanted)) return 0;
    if (name.toLowerCase().includes(wanted)) return 1;
    return about.toLowerCase().includes(wanted) ? 2 : 3;
  };
  return places.filter((place) => rankOf(place) < 3).toSorted((one, other) => rankOf(one) - rankOf(other));
}

/** A text stays one, also where it looks like a number or a list. */
function query(name: string, value: string): string {
  return `${name}=${encodeURIComponent(/^[\d[{"]|^(?:true|false|null)$/.test(value) ? JSON.stringify(value) : value)}`;
}
