// `npm run screenshots [folder]`: installs what is missing, builds, and takes a picture of every page of the dashboard.
import { join } from 'node:path';
import { build } from './build.mjs';
import { ensurePrograms } from './debian.mjs';
import { install, root, run } from './install.mjs';

ensurePrograms([{ program: 'chromium-headless-shell', package: 'chromium-headless-shell' }]);
install();
await build();
run(process.execPath, [join(root, 'dist', 'test', 'browser', 'screenshots.js'), ...process.argv.slice(2)]);
