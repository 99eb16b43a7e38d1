import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { Menu, Monitor, Moon, Sun, X } from 'lucide-react';
import { useState } from 'react';
import { Badge } from '../design/badge.tsx';
import { IconButton } from '../design/button.tsx';
import { chooseTheme, THEMES, useTheme } from '../design/theme.ts';
import { GoTo } from './go-to.tsx';
import { Identified, useMe } from './me.tsx';
import { placesFor } from './places.ts';
import styles from './shell.module.css';

/** What stands around every page: the way to the others, who one is, and the theme. */
export function Shell() {
  return (
    <Identified>
      <Frame />
    </Identified>
  );
}

function Frame() {
  const path = useRouterState({ select: ({ location }) => location.pathname });
  // The menu is open on the page where it was opened, and on no other.
  const [openAt, setOpenAt] = useState<string | undefined>(undefined);
  const open = openAt === path;
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#page">
        Skip to the page
      </a>
      <header className={styles.bar}>
        <Brand />
        <IconButton
          label={open ? 'Close the menu' : 'Open the menu'}
          aria-expanded={open}
          onClick={() => setOpenAt(open ? undefined : path)}
        >
          {open ? <X size={18} /> : <Menu size={18} />}
        </IconButton>
      </header>
      <Side open={open} />
      <main id="page" className={styles.page} tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}

function Brand() {
  return (
    <Link to="/" className={styles.brand}>
      <img src="/ui/icon.svg" alt="" width={22} height={22} />
      Aperture
    </Link>
  );
}

function Side({ open }: { open: boolean }) {
  const me = useMe();
  return (
    <nav className={styles.side} data-open={open} aria-label="Pages">
      <div className={styles.brandRow}>
        <Brand />
      </div>
      <GoTo />
      <ul className={styles.places}>
        {placesFor(me).map(({ to, name, icon: Icon }) => (
          <li key={to}>
            <Link
              to={to}
              activeOptions={{ exact: to === '/', includeSearch: false }}
              activeProps={{ 'aria-current': 'page' }}
            >
              <Icon size={17} aria-hidden />
              {name}
            </Link>
          </li>
        ))}
      </ul>
      <div className={styles.foot}>
        <div className={styles.who}>
          <span className={styles.login} title={me.login}>
            {me.login}
          </span>
          <span className={styles.node}>
            <Badge tone={me.role === 'admin' ? 'accent' : 'neutral'}>{me.role}</Badge>
            {me.node_name !== '' && <span title="The device you are on">{me.node_name}</span>}
          </span>
        </div>
        <ThemeButton />
      </div>
    </nav>
  );
}

const THEME_ICONS = { system: Monitor, light: Sun, dark: Moon };

function ThemeButton() {
  const theme = useTheme();
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  const Icon = THEME_ICONS[theme];
  return (
    <IconButton label={`Theme: ${theme}. Change to ${next}`} onClick={() => chooseTheme(next)}>
      <Icon size={16} />
    </IconButton>
  );
}
