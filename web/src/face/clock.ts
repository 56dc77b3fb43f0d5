/**
 * Which moment of the server's audio clock is audible now.
 *
 * `RTCRtpReceiver.getSynchronizationSources()` says which RTP packet was last handed to the
 * loudspeaker and when: after the jitter buffer, so that everything the network does to the sound is
 * in it. The server numbers its samples from the first packet on and tells that packet's RTP time
 * stamp (the channel's protocol, see receiver.ts). One packet is handed over in pieces that all
 * carry its own time stamp; the earliest hand-over, which gives the largest offset, is the true one.
 */

/** Ticks of the Opus RTP clock in a second (RFC 7587). */
const RTP_RATE = 48_000;
/** Milliseconds of observations that count. */
const WINDOW = 500;
/** The clock runs at most this much faster or slower than time to reach a new offset. */
const SLEW = 0.1;
/** Differences larger than this, seconds, are jumped: the sound itself has jumped. */
const JUMP = 0.25;

/** The part of RTCRtpSynchronizationSource that matters. */
export interface Heard {
  rtpTimestamp: number;
  /** Milliseconds, as performance.now(). */
  timestamp: number;
}

export class AudioClock {
  private ticks = 0;
  private lastRtp: number;
  private seen: { at: number; offset: number }[] = [];
  private offset: number | null = null;
  private lastAsked = 0;

  /** @param origin RTP time stamp of the stream's first sample */
  constructor(origin: number) {
    this.lastRtp = origin >>> 0;
  }

  /** Note what was handed to the loudspeaker last. */
  hear(heard: Heard): void {
    // The difference of 32-bit counters, either way round.
    this.ticks += (heard.rtpTimestamp - this.lastRtp) | 0;
    this.lastRtp = heard.rtpTimestamp;
    const newest = this.seen[this.seen.length - 1];
    if (newest?.at === heard.timestamp) return;
    const offset = this.ticks / RTP_RATE - heard.timestamp / 1000;
    this.seen.push({ at: heard.timestamp, offset });
    while (this.seen[0] && this.seen[0].at < heard.timestamp - WINDOW) this.seen.shift();
  }

  /** Seconds on the server's audio clock at `at` (milliseconds); null before any sound. */
  now(at: number): number | null {
    if (this.seen.length === 0) return null;
    const target = Math.max(...this.seen.map((s) => s.offset));
    const most = (Math.max(at - this.lastAsked, 0) / 1000) * SLEW;
    this.lastAsked = at;
    if (this.offset === null || Math.abs(target - this.offset) > JUMP) this.offset = target;
    else this.offset += Math.min(Math.max(target - this.offset, -most), most);
    return at / 1000 + this.offset;
  }
}
