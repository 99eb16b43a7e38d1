import fs, { existsSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { setInterval } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, MessagePort } from 'node:worker_threads';

/*
 * Loaded before the gateway by `node --import`, in the main thread and in every other: makes its disk slow or sick, and
 * its inspectors slow, mortal or senseless. The file that APERTURE_TEST_FAULTS names holds the fault's name; while there
 * is no such file, all is well.
 */

const LOOK_EVERY_MS = 20;
const SLOW_WRITE_MS = 200;
/** A slow inspector works for a look's time, and is then away for this long. */
const AWAY_MS = 250;

const file = process.env.APERTURE_TEST_FAULTS ?? '';
let fault = '';
setInterval(() => {
  fault = existsSync(file) ? readFileSync(file, 'utf8') : '';
}, LOOK_EVERY_MS).unref();

if (isMainThread) void afflictDisk();
else if (process.argv[1]?.includes('piscina')) afflictInspector();

async function afflictDisk() {
  const { writevSync } = fs;
  fs.writevSync = (...args) => {
    if (fault === 'disk_slow') block(SLOW_WRITE_MS);
    if (fault === 'disk_sick') throw sick();
    return writevSync(...args);
  };
  syncBuiltinESMExports();
  const handle = await open(process.execPath);
  const prototype = Object.getPrototypeOf(handle);
  await handle.close();
  const { writev } = prototype;
  prototype.writev = async function (...args) {
    if (fault === 'disk_slow') await sleep(SLOW_WRITE_MS);
    if (fault === 'disk_sick') throw sick();
    return writev.apply(this, args);
  };
}

function sick() {
  return Object.assign(new Error('EIO: made up'), { code: 'EIO' });
}

function afflictInspector() {
  setInterval(() => {
    if (fault === 'inspector_slow') block(AWAY_MS);
    if (fault === 'inspector_dies') throw new Error('made up');
  }, LOOK_EVERY_MS).unref();
  const { prototype } = MessagePort;
  // oxlint-disable-next-line typescript/unbound-method -- it is called with its own `this`
  const { postMessage } = prototype;
  prototype.postMessage = function (message, transfer) {
    return postMessage.call(this, Array.isArray(message) ? message.map(sensible) : message, transfer);
  };
}

/** Few enough that what is read again gets a sensible answer sooner or later. */
const SENSELESS = 0.1;

function sensible(message) {
  if (message.kind !== 'inspected' || Math.random() > SENSELESS) return message;
  const { exchange } = message;
  switch (fault) {
    case 'inspector_odd_kind':
      return { kind: 'nonsense' };
    case 'inspector_no_outcome':
      return { kind: 'inspected', exchange };
    case 'inspector_no_facts':
      return { kind: 'inspected', exchange, outcome: { ok: true, value: {} } };
    default:
      return message;
  }
}

/** The whole thread stands still. */
function block(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
