import { useState } from 'react';
import { sendJson } from '../../../api/client.ts';
import { Button } from '../../../design/button.tsx';
import { Card } from '../../../design/card.tsx';
import { Choice } from '../../../design/choice.tsx';
import { Picker } from '../../../design/picker.tsx';
import { Trial } from '../answers.ts';
import { usePlace } from '../use-place.ts';
import styles from './rules.module.css';
import { EXAMPLES, typedJson } from './read-rules.ts';
import type { WrittenRule } from './read-rules.ts';
import { KINDS } from './kinds.ts';
import { TextArea } from '../../../design/text-area.tsx';
import { TrialResult } from './trial-result.tsx';

const APIS = [
  { value: 'openai_chat', name: 'OpenAI Chat' },
  { value: 'openai_responses', name: 'OpenAI Responses' },
  { value: 'anthropic_messages', name: 'Anthropic Messages' },
  { value: 'gemini_generate_content', name: 'Gemini' },
];

type Source = 'config' | 'written';
type Input = 'text' | 'body';

/** What was tried, and what came of it: the text is that of the trial, whatever is typed since. */
interface Done {
  trial: Trial;
  text: string | undefined;
}

/** Tries rules on a text or a body. Nothing goes to a provider, and nothing of the text is recorded or kept. */
export function Bench({ rules }: { rules: readonly WrittenRule[] }) {
  const [{ rule }, go] = usePlace();
  const [source, setSource] = useState<Source>(rules.length === 0 ? 'written' : 'config');
  const [written, setWritten] = useState(() => example('personal_data'));
  const [side, setSide] = useState<'request' | 'response'>('request');
  const [api, setApi] = useState('openai_chat');
  const [input, setInput] = useState<Input>('text');
  const [text, setText] = useState('');
  const [body, setBody] = useState('');
  const [callHooks, setCallHooks] = useState(false);
  const [isTrying, setTrying] = useState(false);
  const [done, setDone] = useState<Done | undefined>(undefined);
  const [error, setError] = useState<Error | undefined>(undefined);

  const builtin = typedJson(written);
  const wholeBody = typedJson(body);
  const ruleProblem = source === 'written' && 'wrong' in builtin ? builtin.wrong : undefined;
  const bodyProblem = input === 'body' && body !== '' && 'wrong' in wholeBody ? wholeBody.wrong : undefined;
  const isEmpty = input === 'text' ? text === '' : body.trim() === '';
  const tried = source === 'config' ? rules.find(({ name }) => name === rule) : undefined;
  const mayCall = source === 'config' && (rule === undefined || tried?.kind === 'hook');

  const run = async () => {
    setTrying(true);
    setError(undefined);
    try {
      const trial = await sendJson(
        'POST',
        '/api/guardrails/test',
        {
          ...(source === 'written'
            ? { builtin: 'value' in builtin ? builtin.value : null }
            : rule === undefined
              ? {}
              : { hook: rule }),
          side,
          api,
          ...(input === 'text' ? { text } : { body: 'value' in wholeBody ? wholeBody.value : null }),
          call_hooks: mayCall && callHooks,
        },
        Trial,
      );
      setDone({ trial, text: input === 'text' ? text : undefined });
    } catch (failure) {
      if (!(failure instanceof Error)) throw failure;
      setDone(undefined);
      setError(failure);
    }
    setTrying(false);
  };

  return (
    <div id="bench" className={styles.anchor}>
      <Card
        title="Try a rule"
        note="Runs here and now on what you type. Nothing goes to a provider, and nothing of it is recorded but who tried which rule."
      >
        <div className={styles.bench}>
          <div className={styles.settings}>
            <Choice<Source>
              label="Which rules"
              options={[
                { value: 'config', name: 'Of the config' },
                { value: 'written', name: 'Write one' },
              ]}
              chosen={source}
              onChoose={setSource}
            />
            {source === 'config' ? (
              <Picker
                label="Rule"
                options={rules.map(({ name, kind, what }) => ({
                  value: name,
                  note: kind === 'hook' ? 'hook' : (KINDS[what] ?? what),
                }))}
                picked={rule}
                onPick={(picked) => go({ rule: picked })}
              />
            ) : (
              <Picker
                label="Example"
                options={Object.keys(EXAMPLES).map((kind) => ({ value: kind, name: KINDS[kind] ?? kind }))}
                picked={undefined}
                onPick={(kind) => setWritten(example(kind ?? 'personal_data'))}
              />
            )}
            <Choice
              label="Side"
              options={[
                { value: 'request', name: 'Request' },
                { value: 'response', name: 'Response' },
              ]}
              chosen={side}
              onChoose={setSide}
            />
            <Choice<Input>
              label="What is tried"
              options={[
                { value: 'text', name: 'A text' },
                { value: 'body', name: 'A whole body' },
              ]}
              chosen={input}
              onChoose={setInput}
            />
            {input === 'body' && (
              <Picker label="API" options={APIS} picked={api} onPick={(picked) => setApi(picked ?? 'openai_chat')} />
            )}
          </div>
          {source === 'config' && rule === undefined && (
            <p className={styles.hint}>Without a rule, all that are in force are tried, in their order.</p>
          )}
          <div className={styles.inputs}>
            {source === 'written' && (
              <TextArea
                label="Rule (hooks.<name>.builtin)"
                value={written}
                onChange={setWritten}
                problem={ruleProblem}
                code
              />
            )}
            {input === 'text' ? (
              <TextArea
                label={side === 'request' ? 'What somebody writes to a model' : 'What a model answers'}
                value={text}
                onChange={setText}
                placeholder="Mail ada@example.com about it"
              />
            ) : (
              <TextArea
                label={`Body of a ${side}`}
                value={body}
                onChange={setBody}
                problem={bodyProblem}
                placeholder='{"model": "…", "messages": [{"role": "user", "content": "…"}]}'
                code
              />
            )}
          </div>
          <div className={styles.settings}>
            <Button
              look="primary"
              disabled={isTrying || isEmpty || ruleProblem !== undefined || bodyProblem !== undefined}
              onClick={() => void run()}
            >
              {isTrying ? 'Trying…' : 'Try'}
            </Button>
            {mayCall && rules.some(({ kind }) => kind === 'hook') && (
              <label className={styles.check}>
                <input type="checkbox" checked={callHooks} onChange={(event) => setCallHooks(event.target.checked)} />
                Call external hooks too: they are sent what is typed here
              </label>
            )}
          </div>
          {error !== undefined && (
            <p className={styles.failed} role="alert">
              {error.message}
            </p>
          )}
          {done !== undefined && <TrialResult trial={done.trial} text={done.text} />}
        </div>
      </Card>
    </div>
  );
}

function example(kind: string): string {
  return JSON.stringify(EXAMPLES[kind], null, 2);
}
