/** What kept a microphone or camera from starting. */
export type DeviceProblem = 'denied' | 'missing' | 'busy' | 'insecure' | 'unknown';

/** The cause, from the error that the browser threw. */
export function deviceProblem(
  error: unknown,
  secure: boolean = globalThis.isSecureContext,
): DeviceProblem {
  if (!secure) return 'insecure';
  const name = error instanceof Error ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'missing';
  if (name === 'NotReadableError' || name === 'AbortError') return 'busy';
  return 'unknown';
}

/** What the browser would say if asked for the microphone now. */
export async function micPermission(): Promise<'granted' | 'denied' | 'prompt'> {
  try {
    return (await navigator.permissions.query({ name: 'microphone' as PermissionName })).state;
  } catch {
    return 'prompt'; // the browser does not tell in advance
  }
}
