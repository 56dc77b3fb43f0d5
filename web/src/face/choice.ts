/** Who draws the face of the next call: this browser, if it is wished and can be done. */

import { getPersona, type Persona } from '../api';
import { DrawnFace, wishOf, type Render } from './drawn-face';

/** Milliseconds that a call waits at most for what the browser needs to draw. */
const PATIENCE = 6000;

export class Drawer {
  private ready: Promise<DrawnFace | null> | null = null;
  private given = false;

  /**
   * @param search the page's query
   * @param open makes the face
   */
  constructor(
    private readonly search: string,
    private readonly open: (render: Render) => Promise<DrawnFace> = DrawnFace.open,
  ) {}

  /** Fetch what drawing needs, while the person is still in the lobby. */
  prepare(persona: Persona): void {
    const wish = wishOf(this.search) ?? persona.render;
    if (this.ready || wish === 'server' || !persona.replica.drawable) return;
    this.ready = this.open(wish).catch((e: unknown) => {
      console.info('the server draws the face:', e instanceof Error ? e.message : e);
      return null;
    });
  }

  /** The face to draw on, or null if the server draws. */
  async face(): Promise<DrawnFace | null> {
    if (this.given) return null;
    if (!this.ready) await getPersona().then((p) => this.prepare(p)).catch(() => undefined);
    const late = new Promise<null>((done) => setTimeout(() => done(null), PATIENCE));
    const face = await Promise.race([this.ready, late]);
    return face?.lost ? null : face;
  }

  /** It did not work: the server draws from now on. */
  giveUp(): void {
    this.given = true;
  }
}
