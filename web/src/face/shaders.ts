/** The programs of the graphics card. Colours are premultiplied by alpha throughout. */

/** Places of the vertex attributes. */
export const PLACED = 0;
export const UV = 1;
export const VALUE = 2;

/** `placed` is x, y in pixels from the top left, depth, brightness; see pose.ts. */
const VERTEX = `#version 300 es
layout(location = 0) in vec4 placed;
layout(location = 1) in vec2 uv;
layout(location = 2) in float value;
uniform vec2 size;
out vec2 at;
out float light;
out float shown;
void main() {
  at = uv;
  light = placed.w;
  shown = value;
  gl_Position = vec4(placed.xy / size * vec2(2, -2) + vec2(-1, 1), -placed.z / 32.0, 1);
}`;

/**
 * TINT: skin in shadow is redder; as in `rendering/kernels.py`. What changes the look of skin
 * with the expression comes in as `light`, per vertex; a map in texture space would belong here too.
 */
const COLOUR = `#version 300 es
precision highp float;
uniform sampler2D picture;
in vec2 at;
in float light;
in float shown;
out vec4 colour;
const vec3 TINT = vec3(218, 264, 272) / 256.0;
vec4 lit() {
  // As sharp as a picture of at most one and a half times this resolution.
  vec4 c = texture(picture, at, -0.585);
  return vec4(min(c.rgb * (1.0 + (light - 1.0) * TINT), c.a), c.a);
}`;

/** The person over the backdrop, opaque: what is seen through hair stands still behind it. */
const PERSON = `${COLOUR}
uniform sampler2D backdrop;
uniform vec2 size;
uniform vec2 corner; // of the frame in the captured picture, 0..1
uniform vec2 span; // of the frame there
void main() {
  vec4 c = lit();
  vec2 here = corner + vec2(gl_FragCoord.x, size.y - gl_FragCoord.y) / size * span;
  colour = vec4(c.rgb + texture(backdrop, here).rgb * (1.0 - c.a), 1);
}`;

/** A layer, blended over what is there. */
const LAYER = `${COLOUR}
uniform float opacity;
void main() {
  colour = lit() * (clamp(shown, 0.0, 1.0) * opacity);
}`;

/** The shadow that the edges of an opening throw on what lies behind; `at` is top and bottom. */
const SHADOW = `#version 300 es
precision highp float;
uniform vec2 size;
uniform vec2 reach;
uniform vec2 dark;
uniform float corner;
in vec2 at;
out vec4 colour;
void main() {
  float y = size.y - gl_FragCoord.y;
  float tall = max(at.y - at.x, 0.0);
  float sides = corner > 0.0 ? 0.35 + 0.65 * tall / (tall + corner) : 1.0;
  vec2 far = max(vec2(y - at.x, at.y - y), 0.0) / reach;
  vec2 light = 1.0 - dark / (1.0 + far * far);
  colour = vec4(vec3(light.x * light.y * sides), 1);
}`;

export type Program = { handle: WebGLProgram; at: (name: string) => WebGLUniformLocation | null };
export type Programs = Record<'person' | 'layer' | 'shadow', Program>;

export function programs(gl: WebGL2RenderingContext): Programs {
  return { person: link(gl, PERSON), layer: link(gl, LAYER), shadow: link(gl, SHADOW) };
}

function link(gl: WebGL2RenderingContext, fragment: string): Program {
  const handle = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(kind);
    if (!shader) throw new Error('the graphics context is lost');
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(handle, shader);
  }
  gl.linkProgram(handle);
  if (!gl.getProgramParameter(handle, gl.LINK_STATUS)) {
    throw new Error(`the graphics card refuses a program: ${gl.getProgramInfoLog(handle)}`);
  }
  const known = new Map<string, WebGLUniformLocation | null>();
  return {
    handle,
    at: (name) => {
      if (!known.has(name)) known.set(name, gl.getUniformLocation(handle, name));
      return known.get(name) ?? null;
    },
  };
}
