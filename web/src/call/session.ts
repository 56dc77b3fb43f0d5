/** The call: the state machine and what it causes. */

import { signal, type ReadonlySignal } from '@preact/signals';
import type { LocalMedia } from '../devices/local-media';
import type { DrawnFace } from '../face/drawn-face';
import type { States } from '../face/receiver';
import { strings } from '../strings';
import { ConnectionError, type Connection, type Listener } from './connection';
import { initial, isLive, reduce, type CallEvent, type CallState, type Problem } from './state';

/** Milliseconds before each attempt to come back after a lost connection; half a minute in all. */
export const RETRY_PAUSES: readonly number[] = [500, 1000, 2000, 4000, 8000, 14000];
/** Milliseconds after which a reply that never came is no longer expected. */
export const REPLY_PATIENCE = 15_000;

/** The world outside. */
export interface Surroundings {
  /** Connect; rejects with a {@link ConnectionError}. */
  open: (listener: Listener, drawHere: boolean) => Promise<Connection>;
  /** What this browser draws the face on; null if the server draws. */
  drawer: () => Promise<DrawnFace | null>;
  /** Drawing here did not work out. */
  noDrawing: () => void;
  /** Why a conversation cannot begin now, if so. */
  whyNot: () => Promise<Problem | null>;
  /** Wait; may return early when the network comes back. */
  pause: (milliseconds: number) => Promise<void>;
  now: () => number;
}

/** A face that this browser draws. */
export interface Drawn {
  face: DrawnFace;
  states: States;
}

export class Session {
  private readonly current = signal<CallState>(initial);
  private readonly shown = signal<MediaStream | null>(null);
  private readonly drawing = signal<Drawn | null>(null);
  private connection: Connection | null = null;
  private cannotDraw = false;
  /** Counts conversations and reconnections, so that what belongs to an old one is ignored. */
  private turn = 0;
  private patience: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly media: LocalMedia,
    private readonly outside: Surroundings,
  ) {
    media.onMicGone = (recovered) =>
      this.dispatch({
        type: 'notice',
        text: recovered ? strings.call.micReplaced : strings.call.micGone,
      });
  }

  get state(): ReadonlySignal<CallState> {
    return this.current;
  }

  /** Picture and sound of the face. */
  get face(): ReadonlySignal<MediaStream | null> {
    return this.shown;
  }

  /** The face, if this browser draws it. */
  get drawn(): ReadonlySignal<Drawn | null> {
    return this.drawing;
  }

  /** This browser cannot draw the face any longer: the server does. */
  drawThere(): void {
    this.outside.noDrawing();
    this.drawing.value = null;
    // States come before the connection counts as standing; then it is said as soon as it does.
    if (this.connection) this.connection.drawThere();
    else this.cannotDraw = true;
  }

  /** Start a conversation. */
  async join(): Promise<void> {
    if (isLive(this.current.value)) return;
    this.dispatch({ type: 'join', at: this.outside.now() });
    const turn = ++this.turn;
    const problem = await this.connect(turn);
    if (problem && turn === this.turn) this.dispatch({ type: 'problem', problem });
  }

  /** End it. */
  async hangUp(): Promise<void> {
    this.turn++;
    this.dispatch({ type: 'ended', reason: 'you', at: this.outside.now() });
    this.media.stopAll();
    await this.close();
  }

  /** Free the seat at once: the tab goes away. */
  leave(): void {
    void this.connection?.close();
  }

  /** Back to the lobby. */
  back(): void {
    this.dispatch({ type: 'back' });
  }

  /** Say something in writing. */
  sendText(text: string): void {
    const trimmed = text.trim();
    if (!trimmed || !this.connection) return;
    this.dispatch({ type: 'user-typed', text: trimmed, at: this.outside.now() });
    this.connection.sendText(trimmed);
  }

  /** Microphone on or off; starts the device when it never was. Rejects when that fails. */
  async setMic(on: boolean): Promise<void> {
    if (on && !this.media.mic.value) await this.media.startMic();
    this.media.enableMic(on);
    this.connection?.setMic(this.media.isMicEnabled);
  }

  dispatch(event: CallEvent): void {
    this.current.value = reduce(this.current.value, event);
    clearTimeout(this.patience);
    if (this.current.value.waitingSince !== null) {
      this.patience = setTimeout(() => this.dispatch({ type: 'no-reply' }), REPLY_PATIENCE);
    }
  }

  /** Make a connection; what kept it from standing, if anything. */
  private async connect(turn: number, remark?: string): Promise<Problem | null> {
    const problem = await this.outside.whyNot();
    if (problem || turn !== this.turn) return problem;
    try {
      const face = await this.outside.drawer();
      this.cannotDraw = false;
      if (turn !== this.turn) return null; // hung up meanwhile
      const connection = await this.outside.open(this.listener(turn, face), face !== null);
      if (turn !== this.turn) {
        await connection.close(); // hung up meanwhile
        return null;
      }
      this.connection = connection;
      if (this.cannotDraw) connection.drawThere();
    } catch (e) {
      return e instanceof ConnectionError ? e.problem : { kind: 'failed' };
    }
    const connected: CallEvent = { type: 'connected', at: this.outside.now() };
    this.dispatch(remark === undefined ? connected : { ...connected, note: remark });
    return null;
  }

  private listener(turn: number, face: DrawnFace | null): Listener {
    const ours = <A extends unknown[]>(act: (...args: A) => void) => {
      return (...args: A): void => {
        if (turn === this.turn) act(...args);
      };
    };
    return {
      event: ours((event) => this.dispatch(event)),
      stream: ours((stream) => {
        this.shown.value = stream;
      }),
      states: ours((states) => {
        if (face) this.drawing.value = { face, states };
      }),
      ended: ours((reason) => {
        this.turn++;
        this.dispatch({ type: 'ended', reason, at: this.outside.now() });
        this.media.stopAll();
        void this.close();
      }),
      lost: ours(() => void this.comeBack()),
    };
  }

  /** The connection broke without a good-bye: come back if it can be done. */
  private async comeBack(): Promise<void> {
    if (this.current.value.phase !== 'connected') return; // it never stood; join() reports it
    const turn = ++this.turn;
    this.dispatch({ type: 'lost' });
    await this.close();
    for (const [i, pause] of RETRY_PAUSES.entries()) {
      this.dispatch({ type: 'retry', attempt: i + 1, at: this.outside.now() + pause });
      await this.outside.pause(pause);
      if (turn !== this.turn) return; // hung up meanwhile
      this.dispatch({ type: 'retry', attempt: i + 1, at: null });
      const problem = await this.connect(turn, strings.call.reconnected);
      if (turn !== this.turn || problem === null) return;
      await this.close();
    }
    this.dispatch({ type: 'ended', reason: 'lost', at: this.outside.now() });
    this.media.stopAll();
  }

  private async close(): Promise<void> {
    const old = this.connection;
    this.connection = null;
    this.shown.value = null;
    this.drawing.value = null;
    await old?.close();
  }
}
