import { askEarly } from './api/client.ts';
import { earlyPath } from './pages/overview/asked.ts';

// Small, and there first: what every page begins with, and what most people look at, is asked while the pages' code is
// still on its way, read and run.
askEarly('/api/whoami');
const { pathname, search } = window.location;
const overview = pathname === '/ui/' ? earlyPath(search) : undefined;
if (overview !== undefined) askEarly(overview);

void import('./main.tsx');
