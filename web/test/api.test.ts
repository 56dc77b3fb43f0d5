import { afterEach, describe, expect, it, vi } from 'vitest';
import { problemOfError, problemOfStatus } from '../src/api';

const answer = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers });

describe('why a conversation cannot begin', () => {
  afterEach(() => vi.unstubAllGlobals());

  it.each([
    [503, { error: 'server_full', detail: 'All taken.' }, 'full'],
    [503, { error: 'server_stopping', detail: 'Stopping.' }, 'stopping'],
    [503, { error: 'loading', detail: 'Loading.' }, 'starting'],
    [400, { error: 'error', detail: 'No offer.' }, 'refused'],
    [422, { error: 'invalid_request', detail: 'sdp: missing' }, 'refused'],
    [502, { error: 'x', detail: 'Bad gateway' }, 'gone'],
  ])('%s %o is %s', async (status, body, kind) => {
    expect(await problemOfError(answer(status, body))).toEqual({ kind, detail: body.detail });
  });

  it('passes on when to ask again', async () => {
    const full = answer(503, { error: 'server_full', detail: 'x' }, { 'Retry-After': '15' });
    expect((await problemOfError(full)).retryAfter).toBe(15);
  });

  it('understands an answer that is not JSON', async () => {
    expect(await problemOfError(answer(503, '<html>'))).toEqual({ kind: 'full' });
    expect(await problemOfError(answer(404, ''))).toEqual({ kind: 'refused' });
  });

  it('tells a missing network from a missing server', async () => {
    vi.stubGlobal('navigator', { onLine: true });
    expect(await problemOfError(new TypeError('fetch failed'))).toEqual({ kind: 'gone' });
    vi.stubGlobal('navigator', { onLine: false });
    expect(await problemOfError(new TypeError('fetch failed'))).toEqual({ kind: 'offline' });
  });

  it('reads the status', () => {
    const status = { ok: true, ready: true, sessions: 0, max_sessions: 1, detail: 'ready' };
    expect(problemOfStatus(status)).toBeNull();
    expect(problemOfStatus({ ...status, sessions: 1 })).toEqual({ kind: 'full' });
    expect(problemOfStatus({ ...status, ready: false, detail: 'loading' })).toEqual({
      kind: 'starting',
      detail: 'loading',
    });
  });
});
