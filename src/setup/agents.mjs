// `npm run test:agents`: installs what is missing, builds, and lets real agents from npm call the gateway.
import { join } from 'node:path';
import { build } from './build.mjs';
import { install, root, run } from './install.mjs';

install();
build();
run(process.execPath, [join(root, 'dist', 'test', 'agents', 'claude-code.js')]);
