// Both ask one gateway: a second start would tell nothing more.
import './sessions.ts';
import './all-apis.ts';
