/** The face's states as they come from the server, and the moment of them that is audible now. */

import { AudioClock } from './clock';
import { decode, type FaceState } from './state';
import { Timeline } from './timeline';

/** Label of the data channel; its protocol is the RTP time stamp of the first sample of sound. */
export const LABEL = 'face';

/** Milliseconds that the last packet of sound may be away. */
const PLAUSIBLE = 5000;

/** Where a drawn face gets its states from. */
export interface States {
  /** The state to draw at `at` (milliseconds, as performance.now()); null before there is any. */
  at: (at: number) => FaceState | null;
}

/** The part of an RTCPeerConnection that matters. */
export interface Peer {
  getReceivers: () => Pick<RTCRtpReceiver, 'track' | 'getSynchronizationSources'>[];
}

export class StateReceiver implements States {
  private readonly timeline = new Timeline();
  private readonly clock: AudioClock;

  /**
   * @param origin the channel's protocol
   * @param peer plays the sound
   */
  constructor(
    origin: string,
    private readonly peer: Peer,
  ) {
    this.clock = new AudioClock(Number(origin));
  }

  /** Take a message; what cannot be read is left out. */
  take(message: unknown): void {
    if (!(message instanceof ArrayBuffer)) return;
    for (const state of decode(message)) this.timeline.push(state);
  }

  at(at: number): FaceState | null {
    for (const receiver of this.peer.getReceivers()) {
      if (receiver.track.kind !== 'audio') continue;
      for (const { rtpTimestamp, timestamp } of receiver.getSynchronizationSources()) {
        this.clock.hear({ rtpTimestamp, timestamp: onPage(timestamp, at) });
      }
    }
    const now = this.clock.now(at);
    return now === null || this.timeline.length === 0 ? null : this.timeline.at(now);
  }
}

/**
 * A browser's time on the page's clock. Some count from the page's beginning, some from 1970, and
 * there the system's clock may have been set meanwhile: then what was heard last is heard now.
 */
function onPage(timestamp: number, now: number): number {
  const times = [timestamp, timestamp - performance.timeOrigin];
  return times.find((t) => Math.abs(t - now) < PLAUSIBLE) ?? now;
}

/** Call back with a receiver when the server opens its channel on a connection. */
export function receiveStates(pc: RTCPeerConnection, found: (states: States) => void): void {
  pc.addEventListener('datachannel', ({ channel }) => {
    if (channel.label !== LABEL) return;
    const receiver = new StateReceiver(channel.protocol, pc);
    channel.binaryType = 'arraybuffer';
    channel.addEventListener('message', (e) => receiver.take(e.data));
    found(receiver);
  });
}
