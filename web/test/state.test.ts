import { describe, expect, it } from 'vitest';
import { initial, reduce, type CallEvent, type CallState } from '../src/call/state';

const run = (...events: CallEvent[]): CallState => events.reduce(reduce, initial);
const joined: CallEvent[] = [
  { type: 'join', at: 0 },
  { type: 'connected', at: 10 },
];

describe('the call', () => {
  it('goes from the lobby into the call and out of it', () => {
    expect(run().phase).toBe('prejoin');
    expect(run({ type: 'join', at: 0 }).phase).toBe('connecting');
    expect(run(...joined).phase).toBe('connected');
    const ended = run(...joined, { type: 'ended', reason: 'you', at: 5000 });
    expect([ended.phase, ended.startedAt, ended.endedAt]).toEqual(['ended', 10, 5000]);
    expect(reduce(ended, { type: 'back' }).phase).toBe('prejoin');
  });

  it('keeps what was said while it reconnects, and says where the break was', () => {
    const state = run(
      ...joined,
      { type: 'user-text', text: 'Hello', final: true, at: 20 },
      { type: 'lost' },
      { type: 'retry', attempt: 2, at: 99 },
      { type: 'connected', at: 99, note: 'again' },
    );
    expect(state.phase).toBe('connected');
    expect(state.startedAt).toBe(10);
    expect(state.attempt).toBe(0);
    expect(state.lines.map((l) => [l.who, l.text])).toEqual([
      ['user', 'Hello'],
      ['note', 'again'],
    ]);
  });

  it('forgets the last conversation when a new one begins', () => {
    const state = run(
      ...joined,
      { type: 'user-text', text: 'Hello', final: true, at: 20 },
      { type: 'ended', reason: 'you', at: 30 },
      { type: 'join', at: 40 },
    );
    expect(state.lines).toEqual([]);
  });

  it('is not woken from its end by late events', () => {
    const late: CallEvent[] = [
      { type: 'lost' },
      { type: 'connected', at: 2 },
      { type: 'retry', attempt: 1, at: 3 },
      { type: 'problem', problem: { kind: 'gone' } },
      { type: 'user-text', text: 'Hello', final: true, at: 4 },
      { type: 'face-started', at: 4 },
      { type: 'notice', text: 'x' },
    ];
    const ended = run(...joined, { type: 'ended', reason: 'you', at: 1 });
    expect(late.reduce(reduce, ended)).toEqual(ended);
  });

  it('does not leave a running call for the lobby or a second join', () => {
    const state = run(...joined);
    expect(reduce(state, { type: 'back' })).toBe(state);
    expect(reduce(state, { type: 'join', at: 50 })).toBe(state);
  });

  it('tells why it could not begin, and may be tried again', () => {
    const state = run({ type: 'join', at: 0 }, { type: 'problem', problem: { kind: 'full' } });
    expect([state.phase, state.problem?.kind]).toEqual(['error', 'full']);
    expect(reduce(state, { type: 'join', at: 9 })).toMatchObject({ phase: 'connecting', problem: null });
  });
});

describe('the floor', () => {
  it('goes from the listening face to the thinking, the speaking, and back', () => {
    const modes: string[] = [];
    let state = run(...joined);
    const turn: CallEvent[] = [
      { type: 'user-started' },
      { type: 'user-stopped', at: 100 },
      { type: 'face-started', at: 200 },
      { type: 'face-stopped' },
    ];
    for (const e of turn) modes.push((state = reduce(state, e)).mode);
    expect(modes).toEqual(['listening', 'thinking', 'speaking', 'listening']);
  });

  it('marks the face’s line as interrupted when the user speaks into it', () => {
    const state = run(
      ...joined,
      { type: 'face-started', at: 1 },
      { type: 'face-words', text: 'Keep the', at: 1 },
      { type: 'user-started' },
    );
    expect(state.lines.at(-1)).toMatchObject({ open: false, interrupted: true });
    expect(state.mode).toBe('listening');
  });

  it('does not take a finished line for an interrupted one', () => {
    const state = run(
      ...joined,
      { type: 'face-started', at: 1 },
      { type: 'face-words', text: 'Hello.', at: 1 },
      { type: 'face-stopped' },
      { type: 'user-started' },
    );
    expect(state.lines.at(-1)?.interrupted).toBe(false);
  });

  it('keeps thinking when the interrupted face reports late that it stopped', () => {
    const state = run(
      ...joined,
      { type: 'face-started', at: 1 },
      { type: 'user-typed', text: 'Stop', at: 2 },
      { type: 'face-stopped' },
    );
    expect(state.mode).toBe('thinking');
  });

  it('stops waiting for a reply that does not come', () => {
    const state = run(...joined, { type: 'user-stopped', at: 5 }, { type: 'no-reply' });
    expect([state.mode, state.waitingSince]).toEqual(['listening', null]);
    const speaking = run(...joined, { type: 'face-started', at: 1 }, { type: 'no-reply' });
    expect(speaking.mode).toBe('speaking');
  });

  it('starts two lines for two turns without an answer between', () => {
    const state = run(
      ...joined,
      { type: 'user-started' },
      { type: 'user-text', text: 'One', final: true, at: 1 },
      { type: 'user-stopped', at: 2 },
      { type: 'user-started' },
      { type: 'user-text', text: 'Two', final: true, at: 3 },
    );
    expect(state.lines.map((l) => l.text)).toEqual(['One', 'Two']);
  });
});

describe('the latency', () => {
  const turn: CallEvent[] = [
    { type: 'user-stopped', at: 1000 },
    { type: 'face-started', at: 1800 },
  ];

  it('is measured by the page until the server tells it better', () => {
    const page = run(...joined, ...turn);
    expect([page.latency, page.latencyBy]).toEqual([0.8, 'page']);
    const server = reduce(page, { type: 'latency', seconds: 0.95 });
    expect([server.latency, server.latencyBy]).toEqual([0.95, 'server']);
  });

  it('is not measured for what the face says unasked', () => {
    expect(run(...joined, { type: 'face-started', at: 1800 }).latency).toBeNull();
    const twice = run(...joined, ...turn, { type: 'face-stopped' }, { type: 'face-started', at: 9000 });
    expect(twice.latency).toBe(0.8);
  });
});

describe('a notice', () => {
  it('is taken back when the face speaks again', () => {
    const state = run(...joined, { type: 'notice', text: 'Wait' }, { type: 'face-started', at: 1 });
    expect(state.notice).toBeNull();
  });
});
