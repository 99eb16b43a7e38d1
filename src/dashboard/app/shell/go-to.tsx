import { useRouter } from '@tanstack/react-router';
import { Search } from 'lucide-react';
import { useEffect, useId, useRef, useState } from 'react';
import { Models } from '../api/models.ts';
import { useApi } from '../api/use-api.ts';
import { plainText } from '../design/hostile.tsx';
import { useListKeys } from '../design/use-list-keys.ts';
import { destinationsFor } from './destinations.ts';
import type { Destination } from './destinations.ts';
import styles from './go-to.module.css';
import { useMe } from './me.tsx';
import { placesFor } from './places.ts';

/** From anywhere to anywhere by a few letters: the button, and Ctrl or Cmd with K. */
export function GoTo() {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const keys = (event: globalThis.KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey) return;
      event.preventDefault();
      setOpen(true);
    };
    window.addEventListener('keydown', keys);
    return () => window.removeEventListener('keydown', keys);
  }, []);
  return (
    <>
      <button
        type="button"
        className={styles.button}
        aria-keyshortcuts="Control+K Meta+K"
        onClick={() => setOpen(true)}
      >
        <Search size={15} aria-hidden />
        Go to
        <kbd>Ctrl K</kbd>
      </button>
      {open && <Finder onClose={() => setOpen(false)} />}
    </>
  );
}

function Finder({ onClose }: { onClose: () => void }) {
  const id = useId();
  const me = useMe();
  const router = useRouter();
  const element = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState('');
  const models = useApi('/v1/models', Models);
  useEffect(() => element.current?.showModal(), []);
  const found = destinationsFor(typed, {
    places: placesFor(me),
    models: (models.data?.data ?? []).map((model) => model.id),
    isAdmin: me.role === 'admin',
  });
  const go = ({ href }: Destination) => {
    element.current?.close();
    router.history.push(href);
  };
  const { at, setAt, list, onKeyDown } = useListKeys(found.length, (place) => {
    const destination = found[place];
    if (destination !== undefined) go(destination);
  });
  return (
    <dialog ref={element} className={styles.finder} aria-label="Go to" onClose={onClose}>
      <input
        className={styles.search}
        placeholder="A page, a model, the id of a request or session"
        role="combobox"
        aria-label="Go to"
        aria-expanded
        aria-controls={id}
        aria-activedescendant={found[at] === undefined ? undefined : `${id}-${at}`}
        autoComplete="off"
        spellCheck={false}
        autoFocus
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul ref={list} id={id} role="listbox" aria-label="Destinations" className={styles.list}>
        {found.map((destination, index) => (
          <li
            key={destination.href}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            onMouseMove={() => setAt(index)}
            onClick={() => go(destination)}
          >
            <b>{plainText(destination.name)}</b>
            <small>{plainText(destination.note)}</small>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className={styles.nothing}>Nothing like that</p>}
    </dialog>
  );
}
