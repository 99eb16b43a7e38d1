import {
  Activity,
  BotMessageSquare,
  Boxes,
  ChartColumn,
  FileClock,
  KeyRound,
  MessagesSquare,
  Plug,
  ScrollText,
  Send,
  ShieldAlert,
  SlidersHorizontal,
  Users,
  Wrench,
} from 'lucide-react';

export interface Place {
  to:
    | '/'
    | '/sessions'
    | '/requests'
    | '/tools'
    | '/activity'
    | '/models'
    | '/playground'
    | '/set-up'
    | '/guardrails'
    | '/adoption'
    | '/access'
    | '/audit'
    | '/deliveries'
    | '/configuration';
  name: string;
  /** The question that the page answers. */
  about: string;
  icon: typeof Plug;
  adminsOnly?: boolean;
  /** For those admins from whom that was not taken. */
  needsAudit?: boolean;
}

const PLACES: readonly Place[] = [
  { to: '/', name: 'Overview', about: 'What is used, and what it costs', icon: ChartColumn },
  { to: '/sessions', name: 'Sessions', about: 'Conversations', icon: MessagesSquare },
  { to: '/requests', name: 'Requests', about: 'What was sent, live', icon: ScrollText },
  { to: '/tools', name: 'Tools', about: 'What agents call', icon: Wrench },
  { to: '/activity', name: 'Activity', about: 'How models and agents do, and how fast', icon: Activity },
  { to: '/guardrails', name: 'Guardrails', about: 'What was stopped or changed, denials', icon: ShieldAlert },
  { to: '/models', name: 'Models', about: 'What may be used, and prices', icon: Boxes },
  { to: '/playground', name: 'Playground', about: 'Chat with a model', icon: BotMessageSquare },
  { to: '/set-up', name: 'Set up', about: 'Settings for clients', icon: Plug },
  { to: '/adoption', name: 'Adoption', about: 'Who uses which tools', icon: Users, adminsOnly: true },
  { to: '/access', name: 'Access', about: 'Kill switch and tokens', icon: KeyRound, adminsOnly: true },
  {
    to: '/audit',
    name: 'Audit',
    about: 'Who did what, when',
    icon: FileClock,
    adminsOnly: true,
    needsAudit: true,
  },
  {
    to: '/deliveries',
    name: 'Deliveries',
    about: 'Webhooks, S3 and dead letters',
    icon: Send,
    adminsOnly: true,
  },
  {
    to: '/configuration',
    name: 'Configuration',
    about: 'Providers, grants, quotas, rules',
    icon: SlidersHorizontal,
    adminsOnly: true,
  },
];

export function placesFor({ role, read_audit }: { role: 'admin' | 'user'; read_audit: boolean }): Place[] {
  return PLACES.filter(
    ({ adminsOnly = false, needsAudit = false }) => (!adminsOnly || role === 'admin') && (!needsAudit || read_audit),
  );
}
