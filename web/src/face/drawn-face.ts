/** A canvas on which the browser draws the face; made and tried before a call begins. */

import { loadBundle } from './bundle';
import { Drawing } from './draw';
import type { States } from './receiver';
import { rest } from './state';

/** Who draws the face: the wish of a page's address or of the server. */
export type Render = 'auto' | 'server' | 'browser';

/** Pictures over which the pace is judged, and how slow it may be on average, milliseconds. */
const JUDGED = 90;
const TOO_SLOW = 45;
/** More than this between two pictures is a tab in the background, not a slow card. */
const AWAY = 500;
/** Graphics cards that are none. */
const SOFTWARE = /swiftshader|llvmpipe|software|basic render/i;

export class DrawnFace {
  readonly canvas: HTMLCanvasElement;
  private readonly sizes: ResizeObserver;
  private request = 0;
  private paces: number[] = [];
  private last = 0;
  private done = false;

  private constructor(
    private readonly drawing: Drawing,
    private readonly gl: WebGL2RenderingContext,
    private readonly judge: boolean,
  ) {
    this.canvas = gl.canvas as HTMLCanvasElement;
    // The resolution of the screen, not of a video.
    this.sizes = new ResizeObserver(([entry]) => {
      const box = entry?.devicePixelContentBoxSize?.[0];
      if (!entry) return;
      const width = box?.inlineSize ?? entry.contentRect.width * devicePixelRatio;
      const height = box?.blockSize ?? entry.contentRect.height * devicePixelRatio;
      if (width < 1 || height < 1) return;
      Object.assign(this.canvas, { width: Math.round(width), height: Math.round(height) });
    });
  }

  /**
   * Fetch the replica in use, make the context and draw once.
   *
   * @param render `auto` refuses cards that are too slow or none at all, `browser` takes any
   * @throws when the browser cannot draw it; the message says why
   */
  static async open(render: Render): Promise<DrawnFace> {
    const canvas = document.createElement('canvas');
    const gl = canvas.getContext('webgl2', { alpha: false, antialias: true, stencil: true });
    if (!gl) throw new Error('no WebGL2');
    const automatic = render !== 'browser';
    if (automatic && SOFTWARE.test(cardOf(gl))) throw new Error('no graphics card');
    const { rig, pictures } = await loadBundle();
    const face = new DrawnFace(new Drawing(gl, rig, pictures), gl, automatic);
    face.drawing.draw(rest(0));
    if (gl.getError() !== gl.NO_ERROR) throw new Error('WebGL2 failed');
    return face;
  }

  /** Whether the graphics card has gone away. */
  get lost(): boolean {
    return this.gl.isContextLost();
  }

  /**
   * Draw the states as they become audible, until {@link stop}.
   *
   * @param failed called once when the card goes away or is too slow
   */
  start(states: States, failed: (why: string) => void): void {
    this.done = false;
    this.paces = [];
    this.sizes.observe(this.canvas);
    const fail = (why: string): void => {
      if (this.done) return;
      this.stop();
      failed(why);
    };
    this.canvas.addEventListener('webglcontextlost', () => fail('context lost'), { once: true });
    const draw = (): void => {
      if (this.done) return;
      if (this.lost) return fail('context lost');
      this.request = requestAnimationFrame(draw);
      const now = performance.now();
      const state = states.at(now);
      if (state) this.drawing.draw(state);
      if (this.judge && this.slow(now)) fail('too slow');
    };
    draw();
  }

  /** Draw no more. */
  stop(): void {
    this.done = true;
    cancelAnimationFrame(this.request);
    this.sizes.disconnect();
  }

  private slow(now: number): boolean {
    const pace = now - this.last;
    this.last = now;
    if (document.hidden || pace > AWAY) return false;
    this.paces.push(pace);
    if (this.paces.length < JUDGED) return false;
    const mean = this.paces.reduce((a, b) => a + b) / this.paces.length;
    this.paces = [];
    return mean > TOO_SLOW;
  }
}

function cardOf(gl: WebGL2RenderingContext): string {
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  return String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}

/** The wish in a page's address, if there is one. */
export function wishOf(search: string): Render | null {
  const wish = new URLSearchParams(search).get('render');
  return wish === 'auto' || wish === 'server' || wish === 'browser' ? wish : null;
}
