// Pages that need nothing of their own, in one world: its start took longer than what each of them does in it.
import './shell.ts';
import './models.ts';
import './access.ts';
