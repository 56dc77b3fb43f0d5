import { describe, expect, it } from 'vitest';
import { initial, judgeQuality, reduce, type CallEvent, type CallState } from '../src/call/state';

const run = (...events: CallEvent[]): CallState => events.reduce(reduce, initial);
const joined: CallEvent[] = [
  { type: 'join', at: 0 },
  { type: 'connected', at: 10 },
];

describe('the call', () => {
  it('goes from the lobby into the call and out of it', () => {
    expect(run().phase).toBe('prejoin');
    expect(run(...joined).phase).toBe('connected');
    const ended = run(...joined, { type: 'ended', reason: 'you', at: 5000 });
    expect([ended.phase, ended.startedAt, ended.endedAt]).toEqual(['ended', 10, 5000]);
    expect(reduce(ended, { type: 'back' }).phase).toBe('prejoin');
  });

  it('keeps what was said while it reconnects', () => {
    const state = run(
      ...joined,
      { type: 'user-text', text: 'Hello', final: true, at: 20 },
      { type: 'lost' },
      { type: 'connected', at: 99 },
    );
    expect(state.phase).toBe('connected');
    expect(state.startedAt).toBe(10);
    expect(state.lines).toHaveLength(1);
  });

  it('forgets the last conversation when a new one begins', () => {
    const state = run(...joined, { type: 'user-text', text: 'Hello', final: true, at: 20 }, { type: 'ended', reason: 'you', at: 30 }, { type: 'join', at: 40 });
    expect(state.lines).toEqual([]);
  });

  it('is not woken from its end by late events', () => {
    const state = run(...joined, { type: 'ended', reason: 'you', at: 1 }, { type: 'lost' }, { type: 'connected', at: 2 }, { type: 'problem', problem: 'gone' });
    expect(state.phase).toBe('ended');
    expect(state.endReason).toBe('you');
  });

  it('follows who holds the floor', () => {
    expect(run(...joined, { type: 'user-stopped' }).mode).toBe('thinking');
    expect(run(...joined, { type: 'face-started' }).mode).toBe('speaking');
    expect(run(...joined, { type: 'face-started' }, { type: 'user-started' }).mode).toBe('listening');
  });

  it('closes the face’s line when it is interrupted', () => {
    const state = run(...joined, { type: 'face-words', text: 'Keep the', at: 1 }, { type: 'user-started' });
    expect(state.lines.at(-1)?.open).toBe(false);
  });

  it('takes a notice back when the face speaks again', () => {
    const state = run(...joined, { type: 'notice', text: 'Wait' }, { type: 'face-started' });
    expect(state.notice).toBeNull();
  });
});

describe('the quality of the connection', () => {
  it.each([
    [null, null, 'unknown'],
    [20, 0, 'good'],
    [200, 0, 'fair'],
    [20, 0.05, 'fair'],
    [900, 0, 'poor'],
    [20, 0.3, 'poor'],
  ] as const)('rtt %s ms, loss %s: %s', (rtt, loss, expected) => {
    expect(judgeQuality(rtt, loss)).toBe(expected);
  });
});
