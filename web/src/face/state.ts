/** What the face does at one instant, and the message that carries it; see `animation/wire.py`. */

import { ARKIT_NAMES } from './arkit';

export interface FaceState {
  /** Seconds on the server's audio clock. */
  t: number;
  /** 52 coefficients, 0..1. */
  arkit: Float32Array;
  /** Pitch, yaw, roll in radians; x, y, z in distances between the pupils. */
  head: Float32Array;
  /** Pitch and yaw of the eyes in the head, radians. */
  gaze: Float32Array;
}

const VERSION = 1;
const SIZE = 76;
const TIME_UNIT = 1e-4;
const POSE_UNIT = 1e-4;

/** A face at rest. */
export function rest(t: number): FaceState {
  return {
    t,
    arkit: new Float32Array(ARKIT_NAMES.length),
    head: new Float32Array(6),
    gaze: new Float32Array(2),
  };
}

/** The states in a message, one behind the other; what this page cannot read is left out. */
export function decode(message: ArrayBuffer): FaceState[] {
  const states: FaceState[] = [];
  for (let at = 0; at + SIZE <= message.byteLength; at += SIZE) {
    const view = new DataView(message, at, SIZE);
    if (view.getUint8(0) === VERSION) states.push(read(view));
  }
  return states;
}

function read(view: DataView): FaceState {
  const state = rest(view.getUint32(4, true) * TIME_UNIT);
  for (let i = 0; i < 52; i++) state.arkit[i] = view.getUint8(8 + i) / 255;
  for (let i = 0; i < 6; i++) state.head[i] = view.getInt16(60 + 2 * i, true) * POSE_UNIT;
  for (let i = 0; i < 2; i++) state.gaze[i] = view.getInt16(72 + 2 * i, true) * POSE_UNIT;
  return state;
}
