/** What the page asks the server over HTTP. */

import type { Problem } from './call/state';
import type { Render } from './face/drawn-face';

export interface Persona {
  name: string;
  role: string;
  replica: { id: string; name: string; portrait_url: string; drawable: boolean };
  greeting: string;
  notice: string;
  /** Who draws the face, unless this page's address says otherwise. */
  render: Render;
}

export interface Status {
  ok: boolean;
  ready: boolean;
  sessions: number;
  max_sessions: number;
  detail: string;
}

/** Milliseconds the server may take to answer a small question. */
const TIMEOUT = 6000;

async function get<T>(path: string): Promise<T> {
  const response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT), cache: 'no-store' });
  if (!response.ok) throw response;
  return (await response.json()) as T;
}

export const getPersona = (): Promise<Persona> => get('/api/persona');

/** Why a conversation cannot begin now, if so. */
export async function whyNot(): Promise<Problem | null> {
  if (!('RTCPeerConnection' in globalThis)) return { kind: 'unsupported' };
  try {
    return problemOfStatus(await get<Status>('/api/status'));
  } catch (e) {
    return problemOfError(e);
  }
}

export function problemOfStatus(status: Status): Problem | null {
  if (!status.ready) return { kind: 'starting', detail: status.detail };
  return status.sessions >= status.max_sessions ? { kind: 'full' } : null;
}

/** What an HTTP answer that is no success, or a failed request, means for the person. */
export async function problemOfError(error: unknown): Promise<Problem> {
  if (!(error instanceof Response)) return { kind: navigator.onLine === false ? 'offline' : 'gone' };
  const body: unknown = await error.json().catch(() => null);
  const said = (body ?? {}) as { error?: unknown; detail?: unknown };
  const problem: Problem = { kind: kindOf(error.status, said.error) };
  if (typeof said.detail === 'string' && said.detail) problem.detail = said.detail;
  const after = Number(error.headers.get('Retry-After') ?? NaN);
  if (after > 0) problem.retryAfter = after;
  return problem;
}

function kindOf(status: number, error: unknown): Problem['kind'] {
  if (error === 'server_stopping') return 'stopping';
  if (status === 503) return error === 'server_full' || error === undefined ? 'full' : 'starting';
  // A development proxy or a reverse proxy answers so when the server behind it is away.
  if (status === 502 || status === 504 || status === 500) return 'gone';
  return 'refused';
}
