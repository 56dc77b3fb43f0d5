import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionError, type Connection, type Listener } from '../src/call/connection';
import { REPLY_PATIENCE, RETRY_PAUSES, Session } from '../src/call/session';
import type { Problem } from '../src/call/state';
import type { DrawnFace } from '../src/face/drawn-face';
import type { States } from '../src/face/receiver';
import { LocalMedia } from '../src/devices/local-media';

/** A server whose connections the test makes, breaks and refuses. */
class Server {
  listeners: Listener[] = [];
  closed = 0;
  texts: string[] = [];
  pauses: number[] = [];
  status: Problem | null = null;
  refuses: Problem | null = null;
  /** Resolves when the server answers the offer. */
  answer: Promise<void> = Promise.resolve();

  /** What this browser draws on. */
  face: DrawnFace | null = null;
  asked: ('here' | 'there')[] = [];

  readonly session = new Session(new LocalMedia(), {
    open: (to, drawHere) => this.open(to, drawHere),
    drawer: async () => this.face,
    noDrawing: () => void (this.face = null),
    whyNot: async () => this.status,
    pause: async (ms) => void this.pauses.push(ms),
    now: Date.now,
  });

  get phase(): string {
    return this.session.state.value.phase;
  }

  get last(): Listener {
    const listener = this.listeners.at(-1);
    if (!listener) throw new Error('nobody connected');
    return listener;
  }

  private async open(to: Listener, drawHere: boolean): Promise<Connection> {
    await this.answer;
    this.asked.push(drawHere ? 'here' : 'there');
    if (this.refuses) throw new ConnectionError(this.refuses);
    this.listeners.push(to);
    return {
      sendText: (text) => this.texts.push(text),
      setMic: () => undefined,
      drawThere: () => void this.asked.push('there'),
      close: async () => void this.closed++,
    };
  }
}

describe('a session', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('joins, converses in writing and hangs up', async () => {
    const server = new Server();
    await server.session.join();
    expect(server.phase).toBe('connected');
    server.session.sendText('  Hello  ');
    server.session.sendText('   ');
    expect(server.texts).toEqual(['Hello']);
    await server.session.hangUp();
    expect([server.phase, server.session.state.value.endReason]).toEqual(['ended', 'you']);
    expect(server.closed).toBe(1);
  });

  it('draws the face here until that fails, then never again', async () => {
    const server = new Server();
    server.face = {} as DrawnFace;
    await server.session.join();
    expect(server.session.drawn.value).toBeNull(); // no states yet
    const states: States = { at: () => null };
    server.last.states(states);
    expect(server.session.drawn.value).toEqual({ face: server.face, states });
    server.session.drawThere();
    expect(server.session.drawn.value).toBeNull();
    server.last.lost();
    await vi.runAllTimersAsync();
    expect(server.phase).toBe('connected');
    server.last.states(states); // a server that sends states unasked changes nothing
    expect(server.session.drawn.value).toBeNull();
    expect(server.asked).toEqual(['here', 'there', 'there']);
  });

  it('asks for pictures when drawing fails before the connection stands', async () => {
    const server = new Server();
    server.face = {} as DrawnFace;
    let answer = (): void => undefined;
    server.answer = new Promise((done) => (answer = done));
    const joined = server.session.join();
    await vi.runAllTimersAsync();
    server.session.drawThere();
    answer();
    await joined;
    expect(server.asked).toEqual(['here', 'there']);
  });

  it('does not offer a call to a server that cannot take it', async () => {
    const server = new Server();
    server.status = { kind: 'full' };
    await server.session.join();
    expect(server.phase).toBe('error');
    expect(server.session.state.value.problem).toEqual({ kind: 'full' });
    expect(server.listeners).toHaveLength(0);
  });

  it('tells what the server said when it refused the offer', async () => {
    const server = new Server();
    server.refuses = { kind: 'full', detail: 'All taken.', retryAfter: 15 };
    await server.session.join();
    expect(server.session.state.value.problem).toEqual(server.refuses);
  });

  it('joins once however often it is told to', async () => {
    const server = new Server();
    await Promise.all([server.session.join(), server.session.join()]);
    expect(server.listeners).toHaveLength(1);
  });

  it('closes a connection that stands only after the person hung up', async () => {
    const server = new Server();
    let answered = (): void => {};
    server.answer = new Promise((done) => (answered = done));
    const joining = server.session.join();
    await vi.advanceTimersByTimeAsync(1);
    await server.session.hangUp();
    answered();
    await joining;
    expect(server.phase).toBe('ended');
    expect(server.closed).toBe(1);
  });

  it('comes back after a broken connection', async () => {
    const server = new Server();
    await server.session.join();
    server.last.event({ type: 'user-text', text: 'Hello', final: true, at: 1 });
    server.last.lost();
    await vi.waitFor(() => expect(server.listeners).toHaveLength(2));
    await vi.waitFor(() => expect(server.phase).toBe('connected'));
    expect(server.closed).toBe(1);
    expect(server.session.state.value.lines.map((l) => l.who)).toEqual(['user', 'note']);
  });

  it('tries again with growing pauses, then gives up and says so', async () => {
    const server = new Server();
    await server.session.join();
    server.status = { kind: 'gone' };
    server.last.lost();
    expect(server.phase).toBe('reconnecting');
    await vi.waitFor(() => expect(server.phase).toBe('ended'));
    expect(server.session.state.value.endReason).toBe('lost');
    expect(server.pauses).toEqual(RETRY_PAUSES);
    expect(RETRY_PAUSES.reduce((a, b) => a + b)).toBeLessThanOrEqual(30_000);
  });

  it('stops trying when the person hangs up', async () => {
    const server = new Server();
    await server.session.join();
    server.last.lost();
    await server.session.hangUp();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.listeners).toHaveLength(1);
    expect(server.session.state.value.endReason).toBe('you');
  });

  it('does not come back to a server that said good-bye', async () => {
    const server = new Server();
    await server.session.join();
    server.last.ended('drain');
    server.last.lost();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([server.phase, server.session.state.value.endReason]).toEqual(['ended', 'drain']);
    expect(server.listeners).toHaveLength(1);
  });

  it('ignores what an old connection still has to say', async () => {
    const server = new Server();
    await server.session.join();
    const old = server.last;
    old.lost();
    await vi.waitFor(() => expect(server.phase).toBe('connected'));
    old.event({ type: 'user-text', text: 'ghost', final: true, at: 1 });
    old.ended('hangup');
    expect(server.phase).toBe('connected');
    expect(server.session.state.value.lines.some((l) => l.text === 'ghost')).toBe(false);
  });

  it('stops thinking when no reply comes', async () => {
    const server = new Server();
    await server.session.join();
    server.last.event({ type: 'user-stopped', at: Date.now() });
    expect(server.session.state.value.mode).toBe('thinking');
    await vi.advanceTimersByTimeAsync(REPLY_PATIENCE + 1);
    expect(server.session.state.value.mode).toBe('listening');
  });

  it('asks for a microphone that is missing when told to unmute', async () => {
    const server = new Server();
    await server.session.join();
    vi.stubGlobal('navigator', {}); // as on a page that is not secure
    await expect(server.session.setMic(true)).rejects.toThrow('secure');
    vi.unstubAllGlobals();
  });
});
