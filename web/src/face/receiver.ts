/** The face's states as they come from the server, and the moment of them that is audible now. */

import { AudioClock } from './clock';
import { decode, type FaceState } from './state';
import { Timeline } from './timeline';

/** Label of the data channel; its protocol is the RTP time stamp of the first sample of sound. */
export const LABEL = 'face';

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
    const state = message instanceof ArrayBuffer ? decode(message) : null;
    if (state) this.timeline.push(state);
  }

  at(at: number): FaceState | null {
    for (const receiver of this.peer.getReceivers()) {
      if (receiver.track.kind !== 'audio') continue;
      for (const source of receiver.getSynchronizationSources()) this.clock.hear(source);
    }
    const now = this.clock.now(at);
    return now === null || this.timeline.length === 0 ? null : this.timeline.at(now);
  }
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
