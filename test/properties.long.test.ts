// Properties of which `npm test` tries a part of the cases: here all of them (`test/support/cases.ts`).
import './guardrails/detect/chunks.test.ts';
import './pricing/bound.test.ts';
import './protocols/body-scan.test.ts';
import './protocols/fixtures.test.ts';
import './protocols/properties.test.ts';
import './protocols/usage-filter.test.ts';
