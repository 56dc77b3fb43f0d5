/**
 * Draws a portrait replica with WebGL2, as `rendering/painter.py` does on a processor: the whole
 * person as a warp of the portrait, then eyes and mouth: what lies behind, its shadow, skin, lids.
 */

import { Poser, viewOf, type Part, type Patch, type View } from './pose';
import type { Rig } from './rig';
import { PLACED, programs, UV, VALUE, type Program, type Programs } from './shaders';
import type { FaceState } from './state';

/** Shadow in an opening: how far it reaches (rig units), how dark it is, from above and below. */
const MOUTH_SHADOW = { reach: [0.026, 0.02], dark: [0.38, 0.22], corner: 0.01 } as const;
const LID_SHADOW = { reach: [0.04, 0.024], dark: 0.45 } as const;
/** An opening narrower than this, in pixels, is closed. */
const OPEN = 0.4;
/** What lies behind is drawn this much wider than the opening, pixels; skin covers the rest. */
const MARGIN = 2;
/** Columns in which the shadow of an opening is worked out. */
const COLUMNS = 96;
/** Covers fainter than this are left out. */
const FAINT = 0.02;

/** One layer on the graphics card. */
interface Mesh {
  part: Part;
  array: WebGLVertexArrayObject;
  placed: WebGLBuffer;
  count: number;
  texture: WebGLTexture;
}

interface PatchMesh {
  patch: Patch;
  skin: WebGLVertexArrayObject;
  count: number;
  strip: { array: WebGLVertexArrayObject; placed: WebGLBuffer; data: Float32Array; count: number };
  behind: Mesh[];
  cover: Mesh[];
}

export class Drawing {
  private readonly poser: Poser;
  private readonly programs: Programs;
  private readonly textures = new Map<string, WebGLTexture>();
  private readonly black: WebGLTexture;
  private readonly person: Mesh;
  private readonly frame: WebGLVertexArrayObject;
  private readonly framePlaced: WebGLBuffer;
  private readonly frameUv: WebGLBuffer;
  private readonly patches: PatchMesh[];
  private readonly shadow: WebGLVertexArrayObject;
  private readonly shadowPlaced: WebGLBuffer;
  private readonly shadowEdges: WebGLBuffer;

  /**
   * @param gl needs depth and stencil
   * @param pictures the rig's textures by path, premultiplied
   */
  constructor(
    private readonly gl: WebGL2RenderingContext,
    rig: Rig,
    pictures: Map<string, ImageBitmap>,
  ) {
    this.poser = new Poser(rig);
    this.programs = programs(gl);
    for (const [name, picture] of pictures) this.textures.set(name, texture(gl, picture));
    this.black = texture(gl, new ImageData(1, 1));
    gl.texSubImage2D(
      gl.TEXTURE_2D, 0, 0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array([0, 0, 0, 255]),
    );
    const skin = this.poser.skin;
    this.person = this.mesh(skin, this.poser.whole);
    this.framePlaced = buffer(gl, 4 * 4 * 4);
    this.frameUv = buffer(gl, 4 * 2 * 4);
    this.frame = this.array({ placed: this.framePlaced, uv: this.frameUv });
    const uv = buffer(gl, skin.layer.uv);
    this.patches = this.poser.patches.map((patch) => {
      const data = new Float32Array(skin.placed.length);
      const placed = buffer(gl, data.byteLength);
      return {
        patch,
        skin: this.array({
          placed: this.person.placed,
          uv,
          value: buffer(gl, patch.value),
          triangles: patch.triangles,
        }),
        count: patch.triangles.length,
        strip: {
          array: this.array({ placed, triangles: patch.opening.strip }),
          placed,
          data,
          count: patch.opening.strip.length,
        },
        behind: patch.behind.map((part) => this.mesh(part, part.layer.triangles)),
        cover: patch.cover.map((part) => this.mesh(part, part.layer.triangles)),
      };
    });
    this.shadowPlaced = buffer(gl, 2 * COLUMNS * 4 * 4);
    this.shadowEdges = buffer(gl, 2 * COLUMNS * 2 * 4);
    this.shadow = this.array({ placed: this.shadowPlaced, uv: this.shadowEdges });
  }

  /** Draw the state over the whole canvas. */
  draw(state: FaceState): void {
    const { gl, poser } = this;
    const { width, height } = gl.canvas;
    const view = viewOf(poser.rig.camera, width, height);
    poser.pose(state, view);
    gl.viewport(0, 0, width, height);
    gl.clearStencil(0);
    gl.clear(gl.DEPTH_BUFFER_BIT | gl.STENCIL_BUFFER_BIT);
    this.drawPerson(view);
    gl.disable(gl.DEPTH_TEST);
    gl.enable(gl.BLEND);
    this.patches.forEach((patch, i) => this.drawPatch(patch, i + 1, view));
    gl.disable(gl.BLEND);
  }

  // -- the whole person ----------------------------------------------------------------------

  private drawPerson(view: View): void {
    const { gl, poser } = this;
    const { width, height } = view;
    const { camera } = poser.rig;
    const program = this.use(this.programs.person, view);
    const corner = [view.left / view.zoom / camera.width, view.top / view.zoom / camera.height];
    const span = [width / view.zoom / camera.width, height / view.zoom / camera.height];
    gl.uniform2fv(program.at('corner'), corner);
    gl.uniform2fv(program.at('span'), span);
    gl.uniform1i(program.at('backdrop'), 1);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.picture('background'));
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.person.texture);

    // Where no triangle is, the portrait stands as it was taken.
    const [x0, y0] = corner as [number, number];
    const [x1, y1] = [x0 + span[0]!, y0 + span[1]!];
    const corners = [0, 0, -16, 1, width, 0, -16, 1, 0, height, -16, 1, width, height, -16, 1];
    update(gl, this.framePlaced, Float32Array.from(corners));
    update(gl, this.frameUv, Float32Array.from([x0, y0, x1, y0, x0, y1, x1, y1]));
    gl.disable(gl.DEPTH_TEST);
    gl.bindVertexArray(this.frame);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);

    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LESS);
    this.drawMesh(this.person);
  }

  // -- eyes and mouth ------------------------------------------------------------------------

  private drawPatch(mesh: PatchMesh, mark: number, view: View): void {
    const { gl, poser } = this;
    if (widest(mesh.patch, poser.skin) > OPEN) this.drawBehind(mesh, mark, view);
    const program = this.use(this.programs.layer, view);
    gl.uniform1f(program.at('opacity'), 1);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.bindTexture(gl.TEXTURE_2D, this.person.texture);
    gl.bindVertexArray(mesh.skin);
    gl.drawElements(gl.TRIANGLES, mesh.count, gl.UNSIGNED_INT, 0);
    for (const cover of mesh.cover) {
      const opacity = cover.part.opacity(poser.arkit);
      if (opacity <= FAINT) continue;
      gl.uniform1f(program.at('opacity'), opacity);
      this.drawMesh(cover);
    }
  }

  /** What shows through the opening: mark it, a little wider, then its layers, then shadow. */
  private drawBehind(mesh: PatchMesh, mark: number, view: View): void {
    const { gl } = this;
    const { strip, patch } = mesh;
    const program = this.use(this.programs.layer, view);
    gl.uniform1f(program.at('opacity'), 1);
    gl.enable(gl.STENCIL_TEST);
    gl.stencilFunc(gl.ALWAYS, mark, 0xff);
    gl.stencilOp(gl.KEEP, gl.KEEP, gl.REPLACE);
    const placed = strip.data;
    placed.set(this.poser.skin.placed);
    for (const i of patch.opening.upper) placed[4 * i + 1]! -= MARGIN;
    for (const i of patch.opening.lower) placed[4 * i + 1]! += MARGIN;
    update(gl, strip.placed, placed);
    gl.blendFunc(gl.ONE, gl.ZERO);
    gl.bindTexture(gl.TEXTURE_2D, this.black);
    gl.bindVertexArray(strip.array);
    gl.drawElements(gl.TRIANGLES, strip.count, gl.UNSIGNED_INT, 0);

    gl.stencilFunc(gl.EQUAL, mark, 0xff);
    gl.stencilOp(gl.KEEP, gl.KEEP, gl.KEEP);
    for (const layer of mesh.behind) {
      const add = layer.part.layer.blend === 'add';
      gl.blendFunc(gl.ONE, add ? gl.ONE : gl.ONE_MINUS_SRC_ALPHA);
      this.drawMesh(layer);
    }
    this.drawShadow(patch, view);
    gl.disable(gl.STENCIL_TEST);
  }

  private drawShadow(patch: Patch, view: View): void {
    const { gl, poser } = this;
    const s = view.scale;
    const program = this.use(this.programs.shadow, view);
    const { reach } = patch.side ? LID_SHADOW : MOUTH_SHADOW;
    gl.uniform2f(program.at('reach'), reach[0] * s, reach[1] * s);
    if (patch.side) {
      gl.uniform2f(program.at('dark'), LID_SHADOW.dark * poser.closing(patch.side), 0);
      gl.uniform1f(program.at('corner'), 0);
    } else {
      gl.uniform2f(program.at('dark'), ...MOUTH_SHADOW.dark);
      gl.uniform1f(program.at('corner'), MOUTH_SHADOW.corner * s);
    }
    const { upper, lower } = patch.opening;
    const points = poser.skin.placed;
    const x0 = Math.max(points[4 * upper[0]!]!, points[4 * lower[0]!]!);
    const [ua, la] = [upper[upper.length - 1]!, lower[lower.length - 1]!];
    const x1 = Math.min(points[4 * ua]!, points[4 * la]!);
    const placed = new Float32Array(2 * COLUMNS * 4);
    const edges = new Float32Array(2 * COLUMNS * 2);
    for (let c = 0; c < COLUMNS; c++) {
      const x = x0 + ((x1 - x0) * c) / (COLUMNS - 1);
      const top = heightAt(points, upper, x);
      const bottom = heightAt(points, lower, x);
      placed.set([x, top - 2 * MARGIN, 0, 1, x, bottom + 2 * MARGIN, 0, 1], 8 * c);
      edges.set([top, bottom, top, bottom], 4 * c);
    }
    update(gl, this.shadowPlaced, placed);
    update(gl, this.shadowEdges, edges);
    gl.blendFunc(gl.DST_COLOR, gl.ZERO);
    gl.bindVertexArray(this.shadow);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 2 * COLUMNS);
  }

  // -- the card ------------------------------------------------------------------------------

  private use(program: Program, view: View): Program {
    this.gl.useProgram(program.handle);
    this.gl.uniform2f(program.at('size'), view.width, view.height);
    return program;
  }

  private drawMesh(mesh: Mesh): void {
    const { gl } = this;
    update(gl, mesh.placed, mesh.part.placed);
    gl.bindTexture(gl.TEXTURE_2D, mesh.texture);
    gl.bindVertexArray(mesh.array);
    gl.drawElements(gl.TRIANGLES, mesh.count, gl.UNSIGNED_INT, 0);
  }

  private picture(layer: string): WebGLTexture {
    const path = this.poser.rig.layers.get(layer)?.texture ?? '';
    const found = this.textures.get(path);
    if (!found) throw new Error(`the texture of ${layer} is missing`);
    return found;
  }

  private mesh(part: Part, triangles: Uint32Array): Mesh {
    const placed = buffer(this.gl, part.placed.byteLength);
    return {
      part,
      array: this.array({ placed, uv: buffer(this.gl, part.layer.uv), triangles }),
      placed,
      count: triangles.length,
      texture: this.picture(part.layer.name),
    };
  }

  /** Vertices as a program reads them; without values all are 1. */
  private array(from: {
    placed: WebGLBuffer;
    uv?: WebGLBuffer;
    value?: WebGLBuffer;
    triangles?: Uint32Array;
  }): WebGLVertexArrayObject {
    const { gl } = this;
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    const attribute = (place: number, data: WebGLBuffer | undefined, width: number): void => {
      if (!data) return;
      gl.bindBuffer(gl.ARRAY_BUFFER, data);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, width, gl.FLOAT, false, 0, 0);
    };
    attribute(PLACED, from.placed, 4);
    attribute(UV, from.uv, 2);
    attribute(VALUE, from.value, 1);
    gl.vertexAttrib1f(VALUE, 1); // of the context, for arrays that have none
    if (from.triangles) {
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, from.triangles, gl.STATIC_DRAW);
    }
    gl.bindVertexArray(null);
    return array;
  }
}

/** The widest gap of an opening, pixels. */
function widest({ opening: { upper, lower } }: Patch, skin: Part): number {
  const y = (i: number): number => skin.placed[4 * i + 1]!;
  return upper.reduce((most, u, i) => Math.max(most, y(lower[i]!) - y(u)), 0);
}

/** Height of a polyline that runs to the right, at `x`. */
function heightAt(points: Float32Array, line: Uint32Array, x: number): number {
  let i = 1;
  while (i < line.length - 1 && points[4 * line[i]!]! < x) i++;
  const [a, b] = [4 * line[i - 1]!, 4 * line[i]!];
  const run = points[b]! - points[a]!;
  const w = run > 1e-6 ? Math.min(Math.max((x - points[a]!) / run, 0), 1) : 0;
  return points[a + 1]! + (points[b + 1]! - points[a + 1]!) * w;
}

function buffer(gl: WebGL2RenderingContext, from: Float32Array | number): WebGLBuffer {
  const made = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, made);
  if (typeof from === 'number') gl.bufferData(gl.ARRAY_BUFFER, from, gl.STREAM_DRAW);
  else gl.bufferData(gl.ARRAY_BUFFER, from, gl.STATIC_DRAW);
  return made;
}

function update(gl: WebGL2RenderingContext, into: WebGLBuffer, data: Float32Array): void {
  gl.bindBuffer(gl.ARRAY_BUFFER, into);
  gl.bufferSubData(gl.ARRAY_BUFFER, 0, data);
}

function texture(gl: WebGL2RenderingContext, picture: ImageBitmap | ImageData): WebGLTexture {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, picture);
  gl.generateMipmap(gl.TEXTURE_2D);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  return made;
}
