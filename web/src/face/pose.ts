/**
 * Where every vertex of a portrait is for a state: expression, contacts, eyes, head.
 *
 * The same mathematics as `rendering/painter.py`, number for number; a test compares the pictures.
 */

import { ARKIT_INDEX } from './arkit';
import { Opening } from './opening';
import type { Camera, Layer, Rig, Sparse } from './rig';
import type { FaceState } from './state';

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Largest turn of the head that one picture bears. */
const MAX_TURN = radians(14);
/** Eyes turn no further than this in the head, and a coefficient of 1 means this much. */
const MAX_GAZE = radians(25);
const GAZE_REACH = radians(28);
/** Gaps below these (rig units) are closed: lips are soft and stick; so do lids that close. */
const LIP_PLAY = 0.006;
const LID_PLAY = 0.02;
/** Brightness of skin changes with expression by no more than this, log of display brightness. */
const MAX_SHADE = [-0.45, 0.18] as const;
/** Part of a correction of the lips that the upper one takes. */
const UPPER_LIP = 0.35;

export const SIDES = ['right', 'left'] as const;
export type Side = (typeof SIDES)[number];

const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
const capital = (side: Side): string => (side === 'right' ? 'Right' : 'Left');
const index = (name: string): number => ARKIT_INDEX.get(name) ?? -1;

/** From rig units to a picture of this size: the frame is covered, the eyes stay where they are. */
export interface View {
  width: number;
  height: number;
  /** Pixels per pixel of the captured picture. */
  zoom: number;
  /** What of the captured picture is cut off, pixels of this one. */
  left: number;
  top: number;
  /** Pixels per rig unit, and the place of the rig's origin. */
  scale: number;
  x: number;
  y: number;
}

export function viewOf(camera: Camera, width: number, height: number): View {
  const zoom = Math.max(width / camera.width, height / camera.height);
  const left = (camera.width * zoom - width) / 2;
  const top = (camera.height * zoom - height) * 0.4;
  return {
    width,
    height,
    zoom,
    left,
    top,
    scale: camera.scale * zoom,
    x: (camera.origin[0] + 0.5) * zoom - left,
    y: (camera.origin[1] + 0.5) * zoom - top,
  };
}

/** One layer and where its vertices are now. */
export class Part {
  /** Rig units, before the head's motion. */
  readonly v: Float32Array;
  /** What is drawn: x, y in pixels, depth towards the viewer, factor of brightness. */
  readonly placed: Float32Array;
  private readonly morphs: [number, Sparse][];
  private readonly shades: [number, Sparse][];
  private readonly opacityIndex: number;

  constructor(readonly layer: Layer) {
    this.v = layer.positions.slice();
    this.placed = new Float32Array((layer.positions.length / 3) * 4).fill(1);
    const known = (changes: Map<string, Sparse>): [number, Sparse][] =>
      [...changes].flatMap(([name, s]) => (index(name) < 0 ? [] : [[index(name), s]]));
    this.morphs = known(layer.morphs);
    this.shades = known(layer.shades);
    this.opacityIndex = index(layer.opacityFrom);
  }

  get count(): number {
    return this.v.length / 3;
  }

  opacity(arkit: Float32Array): number {
    return this.opacityIndex < 0 ? 1 : arkit[this.opacityIndex]!;
  }

  /** Apply the expression, if it does anything to this layer. */
  morph(arkit: Float32Array): void {
    if (this.morphs.length === 0) return;
    const v = this.v;
    v.set(this.layer.positions);
    for (const [column, { index: where, values }] of this.morphs) {
      const w = arkit[column]!;
      if (w === 0) continue;
      for (let j = 0; j < where.length; j++) {
        const i = 3 * where[j]!;
        v[i]! += w * values[3 * j]!;
        v[i + 1]! += w * values[3 * j + 1]!;
        v[i + 2]! += w * values[3 * j + 2]!;
      }
    }
  }

  /** Light the skin as the expression does. */
  shade(arkit: Float32Array): void {
    const out = this.placed;
    for (let i = 3; i < out.length; i += 4) out[i] = 0;
    for (const [column, { index: where, values }] of this.shades) {
      const w = arkit[column]!;
      if (w === 0) continue;
      for (let j = 0; j < where.length; j++) out[4 * where[j]! + 3]! += w * values[j]!;
    }
    for (let i = 3; i < out.length; i += 4) out[i] = Math.exp(clamp(out[i]!, ...MAX_SHADE));
  }

  /** The head's motion, then pixels. */
  project(head: Head, pivot: readonly number[], view: View): void {
    const { v, placed } = this;
    const follow = this.layer.follow;
    const r = head.rotation;
    const [sx, sy] = head.shift;
    const [ox, oy, oz] = pivot as [number, number, number];
    // Coming closer looks larger; about ten units from the camera.
    const zoom = 1 + 0.1 * head.shift[2];
    for (let i = 0, j = 0, k = 0; i < v.length; i += 3, j += 4, k++) {
      const x = v[i]! - ox;
      const y = v[i + 1]! - oy;
      const z = v[i + 2]! - oz;
      const f = follow[k]!;
      const rx = r[0]! * x + r[1]! * y + r[2]! * z;
      const ry = r[3]! * x + r[4]! * y + r[5]! * z;
      const rz = r[6]! * x + r[7]! * y + r[8]! * z;
      placed[j] = view.x + (ox + x + f * (rx * zoom + sx - x)) * view.scale;
      placed[j + 1] = view.y - (oy + y + f * (ry * zoom + sy - y)) * view.scale;
      placed[j + 2] = oz + z + f * (rz - z);
    }
  }
}

interface Head {
  /** Row by row. */
  rotation: readonly number[];
  shift: readonly [number, number, number];
}

/** An opening with what lies behind and over it, as it is drawn. */
export interface Patch {
  opening: Opening;
  /** Skin around the opening, the lower before the upper. */
  triangles: Uint32Array;
  /** How much of that skin shows over what was drawn before, per vertex. */
  value: Float32Array;
  /** Behind the opening, back to front. */
  behind: Part[];
  /** Over the skin. */
  cover: Part[];
  /** Side of an eye; none is the mouth. */
  side: Side | null;
}

export class Poser {
  readonly skin: Part;
  /** Eyes, then the mouth. */
  readonly patches: Patch[];
  /** Triangles of the whole person with the openings filled. */
  readonly whole: Uint32Array;
  /** Coefficients as they are drawn: in range, and lids that go with the gaze. */
  arkit: Float32Array = new Float32Array(52);
  private readonly mouth: Opening;
  private readonly lids: Record<Side, Opening>;
  private readonly parts = new Map<string, Part>();

  constructor(readonly rig: Rig) {
    const face = rig.layers.get('face')!;
    const body = rig.layers.get('body')!;
    this.skin = new Part(face);
    for (const [name, layer] of rig.layers) {
      if (!['background', 'body', 'face'].includes(name)) this.parts.set(name, new Part(layer));
    }
    const opening = (name: string, spread: number): Opening => {
      const [upper, lower] = [rig.rows.get(`${name}_upper`), rig.rows.get(`${name}_lower`)];
      if (!upper || !lower) throw new Error(`the rig has no edges of ${name}`);
      return new Opening(face, upper, lower, spread);
    };
    this.mouth = opening('lip', 0.17);
    this.lids = { right: opening('eye_right', 0.05), left: opening('eye_left', 0.05) };
    const some = (...names: string[]): Part[] =>
      names.flatMap((name) => this.parts.get(name) ?? []);
    this.patches = SIDES.map((side) => ({
      ...around(face, this.lids[side], 0.04, 0.06),
      behind: some(`eye_${side}_white`, `eye_${side}_iris`, `eye_${side}_glint`),
      cover: some(`lid_${side}`),
      side,
    }));
    this.patches.push({
      ...around(face, this.mouth, 0.06, 0.08),
      behind: some('mouth_cavity', 'tongue', 'teeth_lower', 'teeth_upper'),
      cover: [],
      side: null,
    });
    const strips = [this.mouth, this.lids.right, this.lids.left].flatMap((o) => [...o.strip]);
    this.whole = Uint32Array.from([...strips, ...body.triangles, ...face.triangles]);
  }

  /** Move everything to where this state has it in this view. */
  pose(state: FaceState, view: View): void {
    const [pitch, yaw] = gaze(state);
    this.arkit = coefficients(state, pitch);
    const head = headOf(state);
    this.skin.morph(this.arkit);
    this.skin.shade(this.arkit);
    this.mouth.settle(this.skin.v, LIP_PLAY, UPPER_LIP);
    for (const side of SIDES) {
      this.lids[side].settle(this.skin.v, LID_PLAY * this.closing(side) ** 4, 0);
      this.turnEye(side, pitch, yaw);
    }
    this.skin.project(head, this.rig.pivot, view);
    for (const part of this.parts.values()) {
      part.morph(this.arkit);
      part.project(head, this.rig.pivot, view);
    }
  }

  /** How far the lids of this eye are closed, 0..1. */
  closing(side: Side): number {
    return this.arkit[index(`eyeBlink${capital(side)}`)]!;
  }

  private turnEye(side: Side, pitch: number, yaw: number): void {
    const iris = this.parts.get(`eye_${side}_iris`);
    if (!iris) return;
    const rest = iris.layer.positions;
    let [cx, cy, cz] = [0, 0, -Infinity];
    for (let i = 0; i < rest.length; i += 3) {
      cx += rest[i]! / iris.count;
      cy += rest[i + 1]! / iris.count;
      cz = Math.max(cz, rest[i + 2]!);
    }
    cz -= this.rig.eyeRadius;
    const [cp, sp, cw, sw] = [Math.cos(pitch), Math.sin(pitch), Math.cos(yaw), Math.sin(yaw)];
    let [mx, my] = [0, 0];
    for (let i = 0; i < rest.length; i += 3) {
      const [x, y, z] = [rest[i]! - cx, rest[i + 1]! - cy, rest[i + 2]! - cz];
      const [y1, z1] = [cp * y - sp * z, sp * y + cp * z];
      iris.v[i] = cw * x + sw * z1 + cx;
      iris.v[i + 1] = y1 + cy;
      iris.v[i + 2] = -sw * x + cw * z1 + cz;
      mx += (iris.v[i]! - rest[i]!) / iris.count;
      my += (iris.v[i + 1]! - rest[i + 1]!) / iris.count;
    }
    const glint = this.parts.get(`eye_${side}_glint`);
    if (!glint) return;
    // The lamp's image on the cornea's front moves about half as far as the iris.
    glint.v.set(glint.layer.positions);
    for (let i = 0; i < glint.v.length; i += 3) {
      glint.v[i]! += 0.5 * mx;
      glint.v[i + 1]! += 0.5 * my;
    }
  }
}

/** The skin around an opening: feathered, the lower lip or lid before the upper. */
function around(
  face: Layer,
  opening: Opening,
  core: number,
  margin: number,
): Pick<Patch, 'opening' | 'triangles' | 'value'> {
  const value = opening.closeness(face, core, margin);
  const above = opening.above(value.length);
  const chosen: { at: number; order: number }[] = [];
  const t = face.triangles;
  for (let at = 0; at < t.length; at += 3) {
    const [a, b, c] = [t[at]!, t[at + 1]!, t[at + 2]!];
    if (value[a]! > 0 || value[b]! > 0 || value[c]! > 0) {
      chosen.push({ at, order: above[a]! + above[b]! + above[c]! });
    }
  }
  chosen.sort((p, q) => p.order - q.order);
  const triangles = Uint32Array.from(chosen.flatMap(({ at }) => [...t.subarray(at, at + 3)]));
  return { opening, triangles, value };
}

function headOf(state: FaceState): Head {
  const [pitch, yaw, roll] = [0, 1, 2].map((i) => clamp(state.head[i]!, -MAX_TURN, MAX_TURN));
  const [cx, sx, cy, sy] = [Math.cos(pitch!), Math.sin(pitch!), Math.cos(yaw!), Math.sin(yaw!)];
  const [cz, sz] = [Math.cos(-roll!), Math.sin(-roll!)];
  // Rz Rx Ry
  const rx = [cy, 0, sy, sx * sy, cx, -sx * cy, -cx * sy, sx, cx * cy] as const;
  return {
    rotation: [
      cz * rx[0] - sz * rx[3], cz * rx[1] - sz * rx[4], cz * rx[2] - sz * rx[5],
      sz * rx[0] + cz * rx[3], sz * rx[1] + cz * rx[4], sz * rx[2] + cz * rx[5],
      rx[6], rx[7], rx[8],
    ],
    shift: [state.head[3]!, state.head[4]!, state.head[5]!],
  };
}

/** Pitch and yaw of the eyes: `gaze`, or the eyeLook coefficients if it is not set. */
function gaze(state: FaceState): [number, number] {
  let [pitch, yaw] = [state.gaze[0]!, state.gaze[1]!];
  if (pitch === 0 && yaw === 0) {
    const s = (name: string): number => state.arkit[index(name)]!;
    const down = s('eyeLookDownLeft') + s('eyeLookDownRight');
    const up = s('eyeLookUpLeft') + s('eyeLookUpRight');
    const left = s('eyeLookOutLeft') + s('eyeLookInRight');
    const right = s('eyeLookInLeft') + s('eyeLookOutRight');
    [pitch, yaw] = [(GAZE_REACH * (down - up)) / 2, (GAZE_REACH * (left - right)) / 2];
  }
  return [clamp(pitch, -MAX_GAZE, MAX_GAZE), clamp(yaw, -MAX_GAZE, MAX_GAZE)];
}

function coefficients(state: FaceState, pitch: number): Float32Array {
  const a = state.arkit.map((x) => clamp(x, 0, 1));
  const down = Math.max(0, pitch) / GAZE_REACH;
  const up = Math.max(0, -pitch) / GAZE_REACH;
  for (const side of ['Left', 'Right']) {
    const blink = a[index(`eyeBlink${side}`)]!;
    const [lookDown, lookUp] = [index(`eyeLookDown${side}`), index(`eyeLookUp${side}`)];
    // Lids that already look down have less way to go.
    a[lookDown] = Math.max(a[lookDown]!, down) * (1 - blink);
    a[lookUp] = Math.max(a[lookUp]!, up) * (1 - blink);
    a[index(`eyeWide${side}`)]! *= 1 - blink;
  }
  return a;
}
