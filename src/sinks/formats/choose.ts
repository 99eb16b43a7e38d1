import { unreachable } from '../../lib/result.ts';
import { cefFormat } from './cef.ts';
import { ecsFormat } from './ecs.ts';
import type { Format, FormatName, FormatOptions } from './format.ts';
import { jsonFormat } from './json.ts';
import { ocsfFormat } from './ocsf.ts';
import { splunkHecFormat } from './splunk-hec.ts';

export function createFormat(name: FormatName, options: FormatOptions): Format {
  switch (name) {
    case 'json':
      return jsonFormat(options);
    case 'ocsf':
      return ocsfFormat(options);
    case 'ecs':
      return ecsFormat(options);
    case 'cef':
      return cefFormat(options);
    case 'splunk_hec':
      return splunkHecFormat();
    default:
      return unreachable(name);
  }
}
