/** Draws single states with the page's own modules, for tests that compare renderers. */

import { loadBundle } from '../../src/face/bundle';
import { Drawing } from '../../src/face/draw';
import { decode } from '../../src/face/state';

declare global {
  interface Window {
    /** A PNG of a FaceState message (base64) as a data URL. */
    draw: (message: string) => Promise<string>;
    /** Milliseconds per picture, the card's work included, over so many of one message. */
    time: (message: string, pictures: number) => Promise<number>;
    resize: (width: number, height: number) => void;
  }
}

const canvas = document.querySelector('canvas')!;
const gl = canvas.getContext('webgl2', { alpha: false, antialias: true, stencil: true })!;
const drawing = loadBundle().then(({ rig, pictures }) => new Drawing(gl, rig, pictures));

function read(message: string) {
  const bytes = Uint8Array.from(atob(message), (c) => c.charCodeAt(0));
  return decode(bytes.buffer)[0]!;
}

window.resize = (width, height) => Object.assign(canvas, { width, height });
window.draw = async (message) => {
  (await drawing).draw(read(message));
  return canvas.toDataURL('image/png');
};
window.time = async (message, pictures) => {
  const d = await drawing;
  const state = read(message);
  const pixel = new Uint8Array(4);
  const begin = performance.now();
  for (let i = 0; i < pictures; i++) d.draw(state);
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel); // waits for the card
  return (performance.now() - begin) / pictures;
};
