import {
  Boxes,
  ChartColumn,
  KeyRound,
  MessagesSquare,
  Plug,
  ScrollText,
  SlidersHorizontal,
  Users,
  Wrench,
} from 'lucide-react';

export interface Place {
  to: '/' | '/sessions' | '/requests' | '/tools' | '/models' | '/set-up' | '/adoption' | '/access' | '/configuration';
  name: string;
  /** The question that the page answers. */
  about: string;
  icon: typeof Plug;
  adminsOnly?: boolean;
}

const PLACES: readonly Place[] = [
  { to: '/', name: 'Overview', about: 'What is used, and what it costs', icon: ChartColumn },
  { to: '/sessions', name: 'Sessions', about: 'Conversations', icon: MessagesSquare },
  { to: '/requests', name: 'Requests', about: 'What was sent, live', icon: ScrollText },
  { to: '/tools', name: 'Tools', about: 'What agents call', icon: Wrench },
  { to: '/models', name: 'Models', about: 'What may be used, and prices', icon: Boxes },
  { to: '/set-up', name: 'Set up', about: 'Settings for clients', icon: Plug },
  { to: '/adoption', name: 'Adoption', about: 'Who uses which tools', icon: Users, adminsOnly: true },
  { to: '/access', name: 'Access', about: 'Kill switch and tokens', icon: KeyRound, adminsOnly: true },
  {
    to: '/configuration',
    name: 'Configuration',
    about: 'Providers, grants, quotas, rules',
    icon: SlidersHorizontal,
    adminsOnly: true,
  },
];

export function placesFor(role: 'admin' | 'user'): Place[] {
  return PLACES.filter(({ adminsOnly = false }) => !adminsOnly || role === 'admin');
}
