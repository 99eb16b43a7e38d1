import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/lib/package-root.ts';
import { createFormat } from '../../../src/sinks/formats/choose.ts';
import { FORMATS } from '../../../src/sinks/formats/format.ts';
import { framed } from '../../../src/sinks/syslog/framing.ts';
import { messageWriter } from '../../../src/sinks/syslog/message.ts';
import { oneOfEach } from './events.ts';

const file = join(packageRoot(), 'docs/siem-examples.md');

/** Of the kill switch, that it was set. */
const events = oneOfEach().slice(0, 8);

function examples(): string {
  const sections = FORMATS.map((name) => {
    const format = createFormat(name, { version: '0.1.0', list: false });
    const bodies = events.map((event) => {
      const text = format.write([event]).trimEnd();
      const shown = name === 'cef' ? text : JSON.stringify(JSON.parse(text), null, 2);
      const fence = name === 'cef' ? 'text' : 'json';
      return `### \`${name}\`: ${event.kind}\n\n\`\`\`${fence}\n${shown}\n\`\`\``;
    });
    return [`## \`${name}\``, `\`content-type: ${format.mediaType}\``, ...bodies].join('\n\n');
  });
  return [
    '# Examples of events',
    'One body of each kind in each format, written by the code (`UPDATE_DOCS=1 npx vitest run test/sinks/formats`). JSON is\n' +
      'sent without the white space that is here. [siem.md](siem.md) says what is what.',
    ...sections,
    syslogExamples(),
    '',
  ].join('\n\n');
}

/** What differs from the above is the header and the length before it: two are enough. */
function syslogExamples(): string {
  const [event] = events;
  const messages = (['json', 'cef'] as const).map((format) => {
    const write = messageWriter({ format, facility: 'local0', most: 8_192, bom: false, version: '0.1.0' });
    return `### ${format}\n\n\`\`\`text\n${event === undefined ? '' : framed(write(event), 'octet_counting')}\n\`\`\``;
  });
  return ['## Over syslog', 'As it is sent, with octet counting.', ...messages].join('\n\n');
}

test('docs/siem-examples.md shows what is sent (UPDATE_DOCS=1 npx vitest run test/sinks/formats writes it)', () => {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, examples());
  expect(readFileSync(file, 'utf8')).toBe(examples());
});
