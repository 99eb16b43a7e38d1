import { hostname, userInfo } from 'node:os';

/** Who runs a command, as the system knows them: for the audit log, which has no login of theirs. */
export function whoRuns(): { user: string; host: string } {
  return { user: userName(), host: hostname() };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may have no line for the user that it runs as.
    return String(process.getuid?.() ?? '');
  }
}
