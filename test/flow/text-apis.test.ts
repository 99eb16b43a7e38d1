// Both ask the same gateway: to start one takes longer than what most of them ask of it.
import './sessions.ts';
import './all-apis.ts';
