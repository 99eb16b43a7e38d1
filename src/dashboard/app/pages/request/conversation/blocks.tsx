import { Brain, CornerDownRight, FileQuestion, Image, Wrench } from 'lucide-react';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Badge } from '../../../design/badge.tsx';
import { Button } from '../../../design/button.tsx';
import { bytes, countExact } from '../../../design/format.ts';
import { Foreign, ForeignText } from '../../../design/hostile.tsx';
import { Fold } from '../fold.tsx';
import styles from './blocks.module.css';
import type { Block } from './model.ts';

interface BlocksProps {
  blocks: readonly Block[];
  calls: ReadonlyMap<string, string>;
}

export function Blocks({ blocks, calls }: BlocksProps) {
  return blocks.map((block, at) => <One key={at} block={block} calls={calls} />);
}

function One({ block, calls }: { block: Block; calls: ReadonlyMap<string, string> }) {
  switch (block.kind) {
    case 'text':
      return <Long text={block.text} />;
    case 'thinking':
      return <Thinking block={block} />;
    case 'call':
      return (
        <Framed icon={<Wrench size={14} aria-hidden />} title={block.name} note={block.id} data="call">
          <Long text={block.input} code />
        </Framed>
      );
    case 'result':
      return <Result block={block} calls={calls} />;
    case 'media':
      return <Media block={block} />;
    case 'other':
      return (
        <Framed icon={<FileQuestion size={14} aria-hidden />} title={block.type} data="other">
          <Long text={block.json} code />
        </Framed>
      );
  }
}

/** A text longer than this is shown by its beginning: what comes behind it is to be seen too. */
const FIRST_CHARACTERS = 4_000;
const FIRST_LINES = 60;

export function Long({ text, code = false }: { text: string; code?: boolean }) {
  const [whole, setWhole] = useState(false);
  const end = whole ? text.length : beginningOf(text);
  return (
    <div>
      <ForeignText text={end < text.length ? text.slice(0, end) : text} code={code} />
      {end < text.length && (
        <p className={styles.more}>
          <Button onClick={() => setWhole(true)}>Show all</Button>
          {countExact(text.length)} characters
        </p>
      )}
    </div>
  );
}

function beginningOf(text: string): number {
  let end = 0;
  for (let line = 0; line < FIRST_LINES; line += 1) {
    const feed = text.indexOf('\n', end);
    if (feed === -1 || feed > FIRST_CHARACTERS) {
      // A little more than the beginning is shown whole.
      return text.length < FIRST_CHARACTERS * 1.25 ? text.length : FIRST_CHARACTERS;
    }
    end = feed + 1;
  }
  return end;
}

function Thinking({ block: { text, sealed } }: { block: Extract<Block, { kind: 'thinking' }> }) {
  return (
    <div className={styles.thinking}>
      <p className={styles.head}>
        <Brain size={14} aria-hidden />
        Thinking
        {sealed && <span className={styles.note}>sealed by the provider: nobody can read it</span>}
      </p>
      {text !== '' && <Long text={text} />}
    </div>
  );
}

function Framed({
  icon,
  title,
  note = '',
  mark,
  data,
  children,
}: {
  icon: ReactNode;
  title: string;
  note?: string;
  mark?: ReactNode;
  data: string;
  children: ReactNode;
}) {
  return (
    <div className={styles.framed} data-block={data}>
      <p className={styles.head}>
        {icon}
        <code className={styles.title}>
          <Foreign most={100}>{title}</Foreign>
        </code>
        {mark}
        {note !== '' && (
          <span className={styles.note}>
            <Foreign most={60}>{note}</Foreign>
          </span>
        )}
      </p>
      {children}
    </div>
  );
}

function Result({ block, calls }: { block: Extract<Block, { kind: 'result' }>; calls: ReadonlyMap<string, string> }) {
  const name = calls.get(block.id) ?? 'result';
  return (
    <Framed
      icon={<CornerDownRight size={14} aria-hidden />}
      title={name}
      note={block.id === name ? '' : block.id}
      mark={block.failed && <Badge tone="bad">failed</Badge>}
      data="result"
    >
      {block.blocks.length === 0 ? (
        <p className={styles.note}>Empty</p>
      ) : (
        block.blocks.map((inner, at) =>
          inner.kind === 'text' ? (
            <Long key={at} text={inner.text} code />
          ) : (
            <One key={at} block={inner} calls={calls} />
          ),
        )
      )}
    </Framed>
  );
}

/** A picture is drawn when somebody asks for it: it is as foreign as any text, and harder to overlook. */
function Media({ block }: { block: Extract<Block, { kind: 'media' }> }) {
  const { what, type, bytes: size, from, image } = block;
  return (
    <div className={styles.framed} data-block="media">
      <p className={styles.head}>
        <Image size={14} aria-hidden />
        <span className={styles.title}>
          <Foreign most={40}>{what}</Foreign>
        </span>
        {type !== '' && (
          <span className={styles.note}>
            <Foreign most={80}>{type}</Foreign>
          </span>
        )}
        {size !== null && <span className={styles.note}>{bytes(size)}</span>}
        {from !== '' && (
          <span className={styles.note}>
            <Foreign most={300}>{from}</Foreign>
          </span>
        )}
      </p>
      {image !== null && (
        <Fold title="Show it">
          {() => <img className={styles.image} src={image} alt={`${what}, as it was sent`} />}
        </Fold>
      )}
    </div>
  );
}
