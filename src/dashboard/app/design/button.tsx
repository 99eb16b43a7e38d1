import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { ButtonHTMLAttributes, ReactNode } from 'react';
import styles from './button.module.css';

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** `primary`: the one thing to do here. `danger`: cannot be taken back. `quiet`: no border, beside text. */
  look?: 'primary' | 'plain' | 'quiet' | 'danger';
  icon?: ReactNode;
}

export function Button({ look = 'plain', icon, children, className, ...rest }: ButtonProps) {
  return (
    <button type="button" className={[styles.button, styles[look], className].join(' ')} {...rest}>
      {icon}
      {children}
    </button>
  );
}

/** Looks like a button and is a link: what it leads to is a file. */
export function DownloadLink({ href, icon, children }: { href: string; icon?: ReactNode; children: ReactNode }) {
  return (
    <a className={`${styles.button} ${styles.plain} ${styles.link}`} href={href} download>
      {icon}
      {children}
    </a>
  );
}

/** A picture alone: `label` is its name for those who do not see it, and its tooltip. */
export function IconButton({ label, children, ...rest }: { label: string } & Omit<ButtonProps, 'icon' | 'look'>) {
  return (
    <button
      type="button"
      className={`${styles.button} ${styles.quiet} ${styles.icon}`}
      aria-label={label}
      title={label}
      {...rest}
    >
      {children}
    </button>
  );
}

/** Copies a text that is made when it is asked for; says that it did. */
export function CopyButton({ label = 'Copy', text }: { label?: string; text: string | (() => string) }) {
  const [said, say] = useState<'' | 'Copied' | 'Could not copy'>('');
  useEffect(() => {
    if (said === '') return;
    const timer = setTimeout(() => say(''), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === 'string' ? text : text());
      say('Copied');
    } catch {
      say('Could not copy');
    }
  };
  return (
    <Button
      look="quiet"
      icon={said === 'Copied' ? <Check size={14} /> : <Copy size={14} />}
      onClick={() => void copy()}
    >
      <span aria-live="polite">{said === '' ? label : said}</span>
    </Button>
  );
}
