import { uuid7 } from '../../src/lib/uuid7.ts';

/** What the gateway mints in this process is later than all times of the tests, whichever files ran before. */
uuid7(Date.UTC(2226, 0, 1));
