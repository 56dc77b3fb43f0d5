/** What the page asks the server over HTTP. */

export interface Persona {
  name: string;
  role: string;
  replica: { id: string; name: string; portrait_url: string };
  greeting: string;
  notice: string;
}

export interface Status {
  ok: boolean;
  ready: boolean;
  sessions: number;
  max_sessions: number;
  detail: string;
}

const TIMEOUT = 6000;

async function get<T>(path: string): Promise<T> {
  const response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return (await response.json()) as T;
}

export const getPersona = (): Promise<Persona> => get('/api/persona');
export const getStatus = (): Promise<Status> => get('/api/status');
