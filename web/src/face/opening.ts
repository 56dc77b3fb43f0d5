/** The two edges of an opening in the face, and the skin around it. */

import type { Layer } from './rig';

const smooth = (x: number): number => x * x * (3 - 2 * x);
const clamp01 = (x: number): number => Math.min(Math.max(x, 0), 1);
/** Steps from the edges to which the mesh is walked to tell the upper skin from the lower. */
const WALK = 14;

export class Opening {
  /** Triangles that fill it. */
  readonly strip: Uint32Array;
  /** Skin that moves when the edges meet: vertex, column of the edge, weight (above positive). */
  private readonly near: Uint32Array;
  private readonly column: Uint32Array;
  private readonly weight: Float32Array;
  private readonly fix: Float32Array;

  /**
   * @param upper vertices of the upper edge, left to right
   * @param lower as many of the lower edge
   * @param spread how far from the edges skin moves with them
   */
  constructor(
    face: Layer,
    readonly upper: Uint32Array,
    readonly lower: Uint32Array,
    spread: number,
  ) {
    const side = sides(face, upper, lower);
    const near: number[] = [];
    const column: number[] = [];
    const weight: number[] = [];
    for (const vertex of new Set(face.triangles)) {
      const s = side[vertex] ?? 0;
      const [far, at] = nearest(face.positions, vertex, s > 0 ? upper : lower);
      const w = smooth(clamp01(1 - far / spread)) * s;
      if (w === 0) continue;
      near.push(vertex);
      column.push(at);
      weight.push(w);
    }
    this.near = Uint32Array.from(near);
    this.column = Uint32Array.from(column);
    this.weight = Float32Array.from(weight);
    this.fix = new Float32Array(upper.length);
    this.strip = fill(upper, lower);
  }

  /**
   * Keep the edges from passing through each other: columns whose gap is below `play` close, wider
   * ones lose `play`. `share` of the correction goes to the upper edge.
   */
  settle(v: Float32Array, play: number, share: number): void {
    for (let c = 0; c < this.fix.length; c++) {
      const gap = v[3 * this.upper[c]! + 1]! - v[3 * this.lower[c]! + 1]!;
      this.fix[c] = Math.max(gap - play, 0) - gap;
    }
    for (let k = 0; k < this.near.length; k++) {
      const w = this.weight[k]!;
      v[3 * this.near[k]! + 1]! += w * (w > 0 ? share : 1 - share) * this.fix[this.column[k]!]!;
    }
  }

  /** How near each vertex of the face is to the opening: 1 within `core`, 0 beyond `margin` more. */
  closeness(face: Layer, core: number, margin: number): Float32Array {
    const ring = Uint32Array.from([...this.upper, ...this.lower]);
    return Float32Array.from({ length: face.positions.length / 3 }, (_, i) =>
      smooth(clamp01(1 - (nearest(face.positions, i, ring)[0] - core) / margin)),
    );
  }

  /** The weights by vertex: positive for skin above, negative for skin below. */
  above(count: number): Float32Array {
    const out = new Float32Array(count);
    this.near.forEach((vertex, k) => (out[vertex] = this.weight[k]!));
    return out;
  }
}

/** Distance in the picture plane to the nearest of `among`, and its place there. */
function nearest(positions: Float32Array, vertex: number, among: Uint32Array): [number, number] {
  const x = positions[3 * vertex]!;
  const y = positions[3 * vertex + 1]!;
  let best = Infinity;
  let at = 0;
  for (let i = 0; i < among.length; i++) {
    const dx = positions[3 * among[i]!]! - x;
    const dy = positions[3 * among[i]! + 1]! - y;
    const d = dx * dx + dy * dy;
    if (d < best) [best, at] = [d, i];
  }
  return [Math.sqrt(best), at];
}

/**
 * 1 for vertices joined to the upper edge, -1 to the lower, 0 for the corners. Closed lips
 * coincide, so nearness cannot tell: walk the mesh from each edge instead.
 */
function sides(face: Layer, upper: Uint32Array, lower: Uint32Array): Float32Array {
  const n = face.positions.length / 3;
  const label = new Float32Array(n);
  const known = new Uint8Array(n);
  upper.subarray(1, -1).forEach((i) => (label[i] = 1));
  lower.subarray(1, -1).forEach((i) => (label[i] = -1));
  label.forEach((l, i) => (known[i] = l === 0 ? 0 : 1));
  known[upper[0]!] = known[upper[upper.length - 1]!] = 1;
  const t = face.triangles;
  for (let step = 0; step < WALK; step++) {
    const total = new Float32Array(n);
    const count = new Uint32Array(n);
    for (let k = 0; k < t.length; k++) {
      const a = t[k]!;
      const b = t[k % 3 === 2 ? k - 2 : k + 1]!;
      if (known[a]) (total[b]! += label[a]!), count[b]!++;
      if (known[b]) (total[a]! += label[b]!), count[a]!++;
    }
    for (let i = 0; i < n; i++) {
      if (!count[i] || known[i]) continue;
      label[i] = Math.sign(total[i]!);
      known[i] = 1;
    }
  }
  return label;
}

function fill(a: Uint32Array, b: Uint32Array): Uint32Array {
  const out: number[] = [];
  for (let i = 0; i + 1 < a.length; i++) {
    for (const t of [
      [a[i]!, b[i]!, a[i + 1]!],
      [a[i + 1]!, b[i]!, b[i + 1]!],
    ]) {
      if (new Set(t).size === 3) out.push(...t);
    }
  }
  return Uint32Array.from(out);
}
