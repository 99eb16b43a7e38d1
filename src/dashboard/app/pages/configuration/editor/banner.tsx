import type { ReactNode } from 'react';
import styles from './editor.module.css';

interface BannerProps {
  tone?: 'accent' | 'good' | 'warn' | 'bad';
  actions?: ReactNode;
  children: ReactNode;
}

/** Something to know before going on, and what can be done about it. */
export function Banner({ tone = 'accent', actions, children }: BannerProps) {
  return (
    <div className={styles.banner} data-tone={tone} role={tone === 'bad' ? 'alert' : 'status'}>
      <div className={styles.bannerText}>{children}</div>
      {actions}
    </div>
  );
}
