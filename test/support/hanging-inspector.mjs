import inspect from '../../dist/workers/inspector.js';

/** An inspector as built, but that it stands still for ever once it meets an exchange with the model "hang". */
export default function ({ port }) {
  port.on('message', (messages) => {
    if (!messages.some(({ kind, opened }) => kind === 'open' && opened.model === 'hang')) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
  return inspect({ port });
}
