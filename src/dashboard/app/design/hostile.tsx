import { useState } from 'react';
import { Button } from './button.tsx';
import { count } from './format.ts';
import styles from './hostile.module.css';

/*
 * Text that somebody else wrote: a model, a client, a provider. It may try to look like what it is not: marks that turn
 * the direction of reading, letters that are not seen, control characters. Those are shown by name.
 */

/** Controls but tab and line feed, marks of direction, what has no width, and halves of a character. */
const UNSEEN =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

interface Part {
  text: string;
  isMark: boolean;
}

/** The text cut at what is not seen; each of those as its code point. */
export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const match of text.matchAll(UNSEEN)) {
    if (match.index > from) parts.push({ text: text.slice(from, match.index), isMark: false });
    const code = match[0].codePointAt(0) ?? 0;
    parts.push({ text: `U+${code.toString(16).toUpperCase().padStart(4, '0')}`, isMark: true });
    from = match.index + match[0].length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), isMark: false });
  return parts;
}

/** A foreign text where only a bare string can stand: in a legend, in a list. What is not seen is written out. */
export function plainText(text: string, most = 60): string {
  const parts = partsOf(text.slice(0, most)).map((part) => part.text);
  return parts.join('') + (text.length > most ? '…' : '');
}

/** A short foreign text within a line: a name, a header's value. */
export function Foreign({ children, most = 300 }: { children: string; most?: number }) {
  const cut = children.length > most;
  return (
    <bdi className={styles.foreign} title={cut ? `${countOf(children)}, cut here` : undefined}>
      <Marked text={cut ? children.slice(0, most) : children} />
      {cut && '…'}
    </bdi>
  );
}

/** What is shown at once of a long text; a page of several megabytes takes a browser seconds to lay out. */
const STEP_CHARACTERS = 20_000;
/** A text with more marks than this in a step is shown with those, and the rest as they are: each is an element. */
const MOST_PARTS = 4_000;

/** A long foreign text, in its own lines: as much as a browser bears, and more when asked. */
export function ForeignText({ text, code = false }: { text: string; code?: boolean }) {
  const [most, setMost] = useState(STEP_CHARACTERS);
  const rest = text.length - most;
  return (
    <div className={styles.block}>
      <pre className={code ? styles.code : styles.prose} dir="auto">
        <Marked text={rest > 0 ? text.slice(0, most) : text} />
      </pre>
      {rest > 0 && (
        <div className={styles.more}>
          <span>
            {count(most)} of {countOf(text)} shown
          </span>
          <Button onClick={() => setMost(most + 10 * STEP_CHARACTERS)}>Show more</Button>
        </div>
      )}
    </div>
  );
}

/** Foreign text with what is not seen marked; whoever shows it keeps it apart (`Foreign`) and bounds its length. */
export function Marked({ text }: { text: string }) {
  const parts = partsOf(text);
  if (parts.length > MOST_PARTS) return text.replace(UNSEEN, '\ufffd');
  return parts.map((part, at) =>
    part.isMark ? (
      <span key={at} className={styles.mark} title="A character that is not seen">
        {part.text}
      </span>
    ) : (
      part.text
    ),
  );
}

function countOf(text: string): string {
  return `${count(text.length)} characters`;
}
