import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

const KEY = 'aperture.theme';
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function stored(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === kept) ?? 'system';
  } catch {
    return 'system'; // a browser that keeps nothing
  }
}

let chosen = stored();
apply();
dark.addEventListener('change', tell);

function apply(): void {
  if (chosen === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = chosen;
}

function tell(): void {
  for (const listener of listeners) listener();
}

export function chooseTheme(theme: Theme): void {
  chosen = theme;
  apply();
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds until the page goes.
  }
  tell();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, () => chosen);
}

/** Changes whenever colours do: what is drawn on a canvas is drawn anew. */
export function useIsDark(): boolean {
  return useSyncExternalStore(subscribe, () => (chosen === 'system' ? dark.matches : chosen === 'dark'));
}
