import { describe, expect, it } from 'vitest';
import { micProblem } from '../src/devices/local-media';
import { levelOf } from '../src/devices/meter';
import { duration } from '../src/strings';

describe('a microphone that does not start', () => {
  it.each([
    ['NotAllowedError', 'denied'],
    ['NotFoundError', 'missing'],
    ['NotReadableError', 'busy'],
    ['TypeError', 'unknown'],
  ])('%s is %s', (name, problem) => {
    expect(micProblem(new DOMException('', name), true)).toBe(problem);
  });

  it('is the address’s fault when it is not secure', () => {
    expect(micProblem(new Error('x'), false)).toBe('insecure');
  });
});

describe('the level bar', () => {
  it('is empty in silence, full when loud, and grows between', () => {
    expect(levelOf(0)).toBe(0);
    expect(levelOf(1)).toBe(1);
    expect(levelOf(0.1)).toBeGreaterThan(levelOf(0.01));
  });
});

describe('a duration', () => {
  it.each([
    [5, '5 s'],
    [125.4, '2 min 5 s'],
  ])('%s is %s', (seconds, words) => {
    expect(duration(seconds)).toBe(words);
  });
});
