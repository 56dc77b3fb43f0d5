/** How good the connection is, from the browser's WebRTC statistics. */

import type { Quality } from './state';

/** Running totals of one look at the statistics. */
export interface Sample {
  /** Round-trip time in milliseconds, if known. */
  rtt: number | null;
  packetsLost: number;
  packetsReceived: number;
  bytesReceived: number;
}

interface Stat {
  type: string;
  nominated?: boolean;
  currentRoundTripTime?: number;
  packetsLost?: number;
  packetsReceived?: number;
  bytesReceived?: number;
}

/** Add up a report of `RTCPeerConnection.getStats()`. */
export function sample(report: { forEach(f: (stat: Stat) => void): void }): Sample {
  const out: Sample = { rtt: null, packetsLost: 0, packetsReceived: 0, bytesReceived: 0 };
  report.forEach((s) => {
    if (s.type === 'candidate-pair' && s.nominated && s.currentRoundTripTime !== undefined) {
      out.rtt = s.currentRoundTripTime * 1000;
    } else if (s.type === 'inbound-rtp') {
      out.packetsLost += s.packetsLost ?? 0;
      out.packetsReceived += s.packetsReceived ?? 0;
      out.bytesReceived += s.bytesReceived ?? 0;
    }
  });
  return out;
}

/** Share of packets lost between two looks, 0..1; null when nothing was sent. */
export function lossBetween(before: Sample, after: Sample): number | null {
  const lost = Math.max(0, after.packetsLost - before.packetsLost);
  const total = lost + after.packetsReceived - before.packetsReceived;
  return total > 0 ? lost / total : null;
}

/**
 * How a connection with this round trip (ms) and share of lost packets (0..1) feels. Beyond
 * 150 ms of delay one way talk becomes strained (ITU-T G.114); the round trip is twice that.
 */
export function judgeQuality(rtt: number | null, loss: number | null): Quality {
  if (rtt === null && loss === null) return 'unknown';
  const r = rtt ?? 0;
  const l = loss ?? 0;
  if (r < 150 && l < 0.02) return 'good';
  if (r < 300 && l < 0.08) return 'fair';
  return 'poor';
}
