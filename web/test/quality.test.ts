import { describe, expect, it } from 'vitest';
import { judgeQuality, lossBetween, sample, type Sample } from '../src/call/quality';

const totals = (packetsLost: number, packetsReceived: number): Sample => ({
  rtt: null,
  packetsLost,
  packetsReceived,
  bytesReceived: 0,
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

  it('adds up sound and picture, and takes the round trip of the pair in use', () => {
    const report = [
      { type: 'candidate-pair', nominated: false, currentRoundTripTime: 9 },
      { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.05 },
      { type: 'inbound-rtp', packetsLost: 1, packetsReceived: 10, bytesReceived: 100 },
      { type: 'inbound-rtp', packetsLost: 2, packetsReceived: 20, bytesReceived: 200 },
      { type: 'codec' },
    ];
    expect(sample(report)).toEqual({
      rtt: 50,
      packetsLost: 3,
      packetsReceived: 30,
      bytesReceived: 300,
    });
  });

  it('counts the loss since the last look only', () => {
    expect(lossBetween(totals(100, 100), totals(105, 195))).toBeCloseTo(0.05);
    expect(lossBetween(totals(5, 5), totals(5, 5))).toBeNull();
    // Packets once counted as lost may come after all.
    expect(lossBetween(totals(5, 5), totals(3, 10))).toBe(0);
  });
});
