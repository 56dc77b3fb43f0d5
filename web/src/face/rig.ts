/** A portrait's `rig.glb` (glTF 2.0, binary) in memory; what is in it: `replicas/rig.py`. */

/** Changes of few vertices: `values` has three numbers (or one) for each of `index`. */
export interface Sparse {
  index: Uint32Array;
  values: Float32Array;
}

export interface Layer {
  name: string;
  /** x, y, z of each vertex; distances between the pupils. */
  positions: Float32Array;
  /** u, v of each vertex, 0..1 from the top left. */
  uv: Float32Array;
  triangles: Uint32Array;
  /** Path of the texture in the bundle. */
  texture: string;
  /** By ARKit name: displacements, and changes of log brightness. */
  morphs: Map<string, Sparse>;
  shades: Map<string, Sparse>;
  /** How much each vertex goes with the head, 0..1. */
  follow: Float32Array;
  blend: 'over' | 'add';
  /** ARKit name whose coefficient is the layer's opacity; empty for always 1. */
  opacityFrom: string;
}

export interface Camera {
  width: number;
  height: number;
  origin: [number, number];
  scale: number;
}

export interface Rig {
  layers: Map<string, Layer>;
  camera: Camera;
  pivot: [number, number, number];
  rows: Map<string, Uint32Array>;
  eyeRadius: number;
}

/** The file is damaged or no portrait rig. */
export class RigError extends Error {}

interface Accessor {
  bufferView?: number;
  byteOffset?: number;
  componentType: number;
  count: number;
  type: 'SCALAR' | 'VEC2' | 'VEC3';
  sparse?: {
    count: number;
    indices: { bufferView: number; byteOffset?: number; componentType: number };
    values: { bufferView: number; byteOffset?: number };
  };
}

interface Gltf {
  accessors: Accessor[];
  bufferViews: { byteOffset?: number; byteLength: number }[];
  images: { uri: string }[];
  textures: { source?: number; extensions?: { EXT_texture_webp?: { source: number } } }[];
  materials: { pbrMetallicRoughness: { baseColorTexture: { index: number } } }[];
  meshes: {
    primitives: {
      attributes: Record<string, number>;
      indices: number;
      material: number;
      targets?: Record<string, number>[];
    }[];
    extras?: { targetNames?: string[] };
  }[];
  nodes: {
    name: string;
    mesh: number;
    extras: { visavis: { blend?: string; opacity_from?: string } };
  }[];
  scenes: {
    extras: {
      visavis: {
        camera: Camera;
        pivot: [number, number, number];
        rows: Record<string, number[]>;
        eye_radius: number;
      };
    };
  }[];
  scene?: number;
}

const WIDTH = { SCALAR: 1, VEC2: 2, VEC3: 3 } as const;
const JSON_CHUNK = 0x4e4f534a;
const [UNSIGNED_SHORT, UNSIGNED_INT, FLOAT] = [5123, 5125, 5126];

class Reader {
  readonly gltf: Gltf;
  private readonly blob: ArrayBuffer;

  constructor(file: ArrayBuffer) {
    const head = new DataView(file);
    const whole = file.byteLength >= 20 && head.getUint32(8, true) === file.byteLength;
    if (!whole || head.getUint32(16, true) !== JSON_CHUNK) throw new RigError('not a whole GLB file');
    const length = head.getUint32(12, true);
    const text = new TextDecoder().decode(new Uint8Array(file, 20, length));
    this.gltf = JSON.parse(text) as Gltf;
    this.blob = file.slice(20 + length + 8);
  }

  /** All values of an accessor, as many numbers per item as its type has. */
  floats(index: number): Float32Array {
    const a = this.accessor(index);
    const n = a.count * WIDTH[a.type];
    if (a.bufferView === undefined) return new Float32Array(n);
    if (a.componentType !== FLOAT) throw new RigError(`accessor ${index} does not hold floats`);
    return new Float32Array(this.blob, this.offset(a.bufferView, a.byteOffset, 4 * n), n);
  }

  integers(index: number): Uint32Array {
    const a = this.accessor(index);
    if (a.bufferView === undefined) return new Uint32Array(a.count);
    return this.indices(a.bufferView, a.byteOffset, a.componentType, a.count);
  }

  /** What an accessor changes; of a dense one the items that are not zero. */
  sparse(index: number): Sparse {
    const a = this.accessor(index);
    const width = WIDTH[a.type];
    const s = a.sparse;
    if (s && a.bufferView === undefined) {
      const where = s.indices;
      const offset = this.offset(s.values.bufferView, s.values.byteOffset, 4 * width * s.count);
      return {
        index: this.indices(where.bufferView, where.byteOffset, where.componentType, s.count),
        values: new Float32Array(this.blob, offset, s.count * width),
      };
    }
    if (s) throw new RigError(`accessor ${index} is dense and sparse`);
    const all = this.floats(index);
    const items = Array.from({ length: a.count }, (_, i) => i).filter((i) =>
      all.subarray(i * width, (i + 1) * width).some((x) => x !== 0),
    );
    return {
      index: Uint32Array.from(items),
      values: Float32Array.from(items.flatMap((i) => [...all.subarray(i * width, (i + 1) * width)])),
    };
  }

  private accessor(index: number): Accessor {
    const a = this.gltf.accessors[index];
    if (!a) throw new RigError(`no accessor ${index}`);
    return a;
  }

  private indices(view: number, offset: number | undefined, type: number, n: number): Uint32Array {
    const size = type === UNSIGNED_INT ? 4 : 2;
    if (type !== UNSIGNED_INT && type !== UNSIGNED_SHORT) throw new RigError('odd index type');
    const start = this.offset(view, offset, size * n);
    return size === 4
      ? new Uint32Array(this.blob, start, n)
      : Uint32Array.from(new Uint16Array(this.blob, start, n));
  }

  private offset(view: number, offset: number | undefined, bytes: number): number {
    const v = this.gltf.bufferViews[view];
    const start = (v?.byteOffset ?? 0) + (offset ?? 0);
    if (!v || start + bytes > this.blob.byteLength) throw new RigError('data past the end of the file');
    return start;
  }
}

/** @throws {RigError} */
export function readRig(file: ArrayBuffer): Rig {
  try {
    return read(new Reader(file));
  } catch (e) {
    throw e instanceof RigError ? e : new RigError(`no portrait rig: ${String(e)}`);
  }
}

function read(reader: Reader): Rig {
  const g = reader.gltf;
  const once = <T>(make: (index: number) => T): ((index: number) => T) => {
    const made = new Map<number, T>();
    return (index) => {
      const value = made.get(index) ?? make(index);
      made.set(index, value);
      return value;
    };
  };
  const floats = once((i) => reader.floats(i));
  const sparse = once((i) => reader.sparse(i));
  const layers = new Map<string, Layer>();
  for (const node of g.nodes) {
    const mesh = need(g.meshes[node.mesh]);
    const primitive = need(mesh.primitives[0]);
    const attributes = primitive.attributes;
    const targets = primitive.targets ?? [];
    const names = mesh.extras?.targetNames ?? [];
    const changes = (key: string): Map<string, Sparse> =>
      new Map(
        names.flatMap((name, i) => {
          const index = targets[i]?.[key];
          return index === undefined ? [] : [[name, sparse(index)]];
        }),
      );
    const layer: Layer = {
      name: node.name,
      positions: floats(need(attributes['POSITION'])),
      uv: floats(need(attributes['TEXCOORD_0'])),
      triangles: reader.integers(primitive.indices),
      texture: texture(g, primitive.material),
      morphs: changes('POSITION'),
      shades: changes('_SHADE'),
      follow: floats(need(attributes['_FOLLOW'])),
      blend: node.extras.visavis.blend === 'add' ? 'add' : 'over',
      opacityFrom: node.extras.visavis.opacity_from ?? '',
    };
    const count = layer.positions.length / 3;
    const within = (index: Uint32Array): boolean => index.every((i) => i < count);
    const moved = [...layer.morphs.values(), ...layer.shades.values()];
    if (!within(layer.triangles) || !moved.every((m) => within(m.index))) {
      throw new RigError(`${node.name} names vertices it does not have`);
    }
    layers.set(node.name, layer);
  }
  for (const name of ['background', 'body', 'face']) {
    if (!layers.has(name)) throw new RigError(`layer missing: ${name}`);
  }
  const scene = need(g.scenes[g.scene ?? 0]).extras.visavis;
  return {
    layers,
    camera: scene.camera,
    pivot: scene.pivot,
    rows: new Map(Object.entries(scene.rows).map(([k, v]) => [k, Uint32Array.from(v)])),
    eyeRadius: scene.eye_radius,
  };
}

function texture(g: Gltf, material: number): string {
  const index = need(g.materials[material]).pbrMetallicRoughness.baseColorTexture.index;
  const t = need(g.textures[index]);
  return need(g.images[need(t.source ?? t.extensions?.EXT_texture_webp?.source)]).uri;
}

function need<T>(value: T | undefined): T {
  if (value === undefined) throw new RigError('something is missing');
  return value;
}
