/** States by their time: late ones, lost ones and ones out of order leave nothing to see. */

import { rest, type FaceState } from './state';

/** Two states further apart than this (seconds) are not blended into each other. */
const MAX_BLEND = 0.1;
/** With nothing new for this long the face starts to relax. */
const HOLD = 0.2;
/** Time constants of relaxing: of the expression, and of the head and the gaze. */
const RELAX_FACE = 0.15;
const RELAX_HEAD = 1.0;
/** States older than this are forgotten, seconds; the clock may step back a little. */
const KEEP = 1.0;
/** Most states kept, whatever their times. */
const CAPACITY = 300;

/** As `rendering/schedule.py` on the server, for states that may come in any order. */
export class Timeline {
  private states: FaceState[] = [];

  get length(): number {
    return this.states.length;
  }

  /** Add a state; one of the same time is replaced. */
  push(state: FaceState): void {
    let at = this.states.length;
    while (at > 0 && this.time(at - 1) > state.t) at--;
    const same = at > 0 && this.time(at - 1) === state.t;
    this.states.splice(same ? at - 1 : at, same ? 1 : 0, state);
    if (this.states.length > CAPACITY) this.states.shift();
  }

  /** The state to draw at audio time `t`. */
  at(t: number): FaceState {
    while (this.states.length > 1 && this.time(1) < t - KEEP) this.states.shift();
    let next = this.states.length;
    while (next > 0 && this.time(next - 1) > t) next--;
    const shown = this.states[next - 1];
    const following = this.states[next];
    if (!shown) {
      const near = following && following.t - t <= MAX_BLEND;
      return near ? blend(rest(following.t - MAX_BLEND), following, t) : rest(t);
    }
    if (following && following.t - shown.t <= MAX_BLEND) return blend(shown, following, t);
    const relaxed = relax(shown, t);
    if (!following || following.t - t > MAX_BLEND) return relaxed;
    // After a hole ease into what comes next instead of jumping.
    const from = following.t - MAX_BLEND;
    return blend({ ...relaxed, t: from }, following, t);
  }

  private time(i: number): number {
    return this.states[i]?.t ?? -Infinity;
  }
}

/** The state at `t` between `a` and `b`, linearly. */
function blend(a: FaceState, b: FaceState, t: number): FaceState {
  const w = b.t <= a.t ? 0 : Math.min(Math.max((t - a.t) / (b.t - a.t), 0), 1);
  const mix = (x: Float32Array, y: Float32Array): Float32Array =>
    x.map((value, i) => value + ((y[i] ?? 0) - value) * w);
  return { t, arkit: mix(a.arkit, b.arkit), head: mix(a.head, b.head), gaze: mix(a.gaze, b.gaze) };
}

/** The state let go of since its time, after holding it for a moment. */
function relax(state: FaceState, t: number): FaceState {
  const age = Math.max(t - state.t - HOLD, 0);
  if (age === 0) return { ...state, t };
  const face = Math.exp(-age / RELAX_FACE);
  const head = Math.exp(-age / RELAX_HEAD);
  return {
    t,
    arkit: state.arkit.map((x) => x * face),
    head: state.head.map((x) => x * head),
    gaze: state.gaze.map((x) => x * head),
  };
}
