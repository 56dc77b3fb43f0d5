import { afterEach, describe, expect, it, vi } from 'vitest';
import { LocalMedia } from '../src/devices/local-media';
import { levelOf } from '../src/devices/meter';
import { deviceProblem } from '../src/devices/problems';
import { clock, duration } from '../src/strings';

describe('a device that does not start', () => {
  it.each([
    ['NotAllowedError', 'denied'],
    ['SecurityError', 'denied'],
    ['NotFoundError', 'missing'],
    ['OverconstrainedError', 'missing'],
    ['NotReadableError', 'busy'],
    ['AbortError', 'busy'],
    ['TypeError', 'unknown'],
  ])('%s is %s', (name, problem) => {
    expect(deviceProblem(new DOMException('', name), true)).toBe(problem);
  });

  it('is the address’s fault when it is not secure', () => {
    expect(deviceProblem(new DOMException('', 'NotAllowedError'), false)).toBe('insecure');
  });
});

describe('the level bar', () => {
  it('is empty in silence, full when loud, and grows between', () => {
    expect(levelOf(0)).toBe(0);
    expect(levelOf(1)).toBe(1);
    expect(levelOf(0.1)).toBeGreaterThan(levelOf(0.01));
  });
});

describe('times', () => {
  it.each([
    [5, '5 s', '0:05'],
    [125.4, '2 min 5 s', '2:05'],
    [-1, '-1 s', '0:00'],
  ])('%s', (seconds, words, digits) => {
    if (seconds >= 0) expect(duration(seconds)).toBe(words);
    expect(clock(seconds)).toBe(digits);
  });
});

describe('a microphone that starts after it was released', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('is let go again', async () => {
    let answer: (stream: unknown) => void = () => {};
    const stop = vi.fn();
    vi.stubGlobal('navigator', {
      mediaDevices: { getUserMedia: () => new Promise((done) => (answer = done)) },
    });
    const media = new LocalMedia();
    const starting = media.startMic();
    media.stopAll();
    answer({ getAudioTracks: () => [{ stop }] });
    await expect(starting).rejects.toThrow('released');
    expect(stop).toHaveBeenCalledOnce();
    expect(media.mic.value).toBeNull();
  });
});
