// `npm run bench`, `npm run bench:gate`: installs what is missing (nginx is the yardstick), builds, measures.
import { join } from 'node:path';
import { build } from './build.mjs';
import { ensurePrograms } from './debian.mjs';
import { install, root, run } from './install.mjs';

ensurePrograms([{ program: 'nginx', package: 'nginx-light' }]);
install();
build();
const [name = 'run', ...args] = process.argv.slice(2);
run(process.execPath, [join(root, 'dist', 'bench', `${name}.js`), ...args]);
