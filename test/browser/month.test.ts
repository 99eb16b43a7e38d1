// Pages that show a month, in one world. Each part leaves it to the next as it was; the last one adds to it.
import './weight.ts';
import './adoption.ts';
import './tools.ts';
