/** One WebRTC connection to the face: Pipecat's client and transport, cut to what a call needs. */

import {
  LogLevel,
  logger,
  PipecatClient,
  type BotTTSTextData,
  type RTVIEventCallbacks,
  type TranscriptData,
} from '@pipecat-ai/client-js';
import { SmallWebRTCTransport } from '@pipecat-ai/small-webrtc-transport';
import { problemOfError } from '../api';
import type { LocalMedia } from '../devices/local-media';
import { receiveStates, type States } from '../face/receiver';
import { judgeQuality, lossBetween, sample, type Sample } from './quality';
import type { CallEvent, EndReason, Problem } from './state';

/** Milliseconds until the server must have said that it is ready. */
const CONNECT_TIMEOUT = 20_000;
/** Milliseconds between looks at the statistics. */
const LOOK_INTERVAL = 1000;
/** Looks between two verdicts on the quality. */
const LOOKS_PER_VERDICT = 2;
/** Looks without a single byte after which the server is asked whether it still lives. */
const LOOKS_UNTIL_DOUBT = 3;
/** Looks without a single byte after which the connection counts as lost in any case. */
const LOOKS_UNTIL_LOST = 8;

/** A connection could not be made. */
export class ConnectionError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.kind);
  }
}

/** Told what happens on a connection. */
export interface Listener {
  event: (event: CallEvent) => void;
  /** Picture and sound of the face, in one stream so that the browser keeps them in step. */
  stream: (stream: MediaStream) => void;
  /** What the face does, if this browser draws it. */
  states: (states: States) => void;
  /** The server ended the conversation on purpose. */
  ended: (reason: EndReason) => void;
  /** The connection broke. */
  lost: () => void;
}

export interface Connection {
  sendText: (text: string) => void;
  /** Tell the server whether to listen. */
  setMic: (on: boolean) => void;
  /** This browser cannot draw the face any longer. */
  drawThere: () => void;
  close: () => Promise<void>;
}

/** What we need of the transport beyond its public face. */
interface Internals {
  pc: RTCPeerConnection | null;
  _lastNegotiationError: unknown;
  attemptReconnection: (recreate?: boolean) => Promise<void>;
  createPeerConnection: () => RTCPeerConnection;
}

interface ServerMessage {
  type?: unknown;
  total?: unknown;
  text?: unknown;
  reason?: unknown;
}

/**
 * Connect, and wait until the server is ready to converse.
 *
 * @param drawHere whether this browser draws the face
 * @throws {ConnectionError} with the reason in words a person can act on.
 */
export async function openConnection(
  media: LocalMedia,
  to: Listener,
  drawHere = false,
): Promise<Connection> {
  // What people say is nobody else's business, the browser's console included.
  logger.setLevel(LogLevel.ERROR);
  // The transport takes any object with the methods of its media manager.
  const transport = new SmallWebRTCTransport({ mediaManager: media as never });
  const inner = transport as unknown as Internals;

  let live = true;
  let fail: (problem: Problem) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = (problem) => reject(new ConnectionError(problem));
  });
  failed.catch(() => undefined);
  const lost = (): void => {
    if (!live) return;
    live = false;
    fail({ kind: 'failed' });
    to.lost();
  };

  // The transport would answer a broken connection with a new peer connection but never introduce
  // itself to the server again; we start over instead (see session.ts), and sooner.
  const renegotiate = inner.attemptReconnection.bind(transport);
  inner.attemptReconnection = async (recreate = false) => {
    if (!recreate) return renegotiate(false);
    const refused = inner._lastNegotiationError;
    if (refused) fail(await problemOfError(refused));
    else lost();
  };

  // The server opens its channel before the transport tells of the connection.
  const create = inner.createPeerConnection.bind(transport);
  inner.createPeerConnection = () => {
    const pc = create();
    receiveStates(pc, (states) => live && to.states(states));
    return pc;
  };

  const client = new PipecatClient({
    transport,
    enableMic: false, // ours is running already, or the person writes
    enableCam: false,
    callbacks: callbacks({
      ...to,
      event: (e) => live && to.event(e),
      ended: (reason) => {
        if (!live) return;
        live = false;
        to.ended(reason);
      },
      lost,
    }),
  });

  let stopWatching = (): void => {};
  const close = async (): Promise<void> => {
    live = false;
    stopWatching();
    media.onSend = null;
    await client.disconnect().catch(() => undefined); // it may be gone already
  };

  const late = setTimeout(() => fail({ kind: 'failed' }), CONNECT_TIMEOUT);
  try {
    const ready = client.connect({
      webrtcRequestParams: {
        endpoint: new URL('/api/offer', location.href),
        requestData: { render: drawHere ? 'browser' : 'server' },
      },
    });
    await Promise.race([ready, failed]);
  } catch (e) {
    await close();
    throw e instanceof ConnectionError ? e : new ConnectionError(await problemOf(e));
  } finally {
    clearTimeout(late);
  }

  media.onSend = (track) => {
    void inner.pc?.getTransceivers()[0]?.sender.replaceTrack(track);
    client.enableMic(media.isMicEnabled);
  };
  client.enableMic(media.isMicEnabled);
  if (inner.pc) stopWatching = watch(inner.pc, to.event, lost);
  return {
    sendText: (text) => void client.sendText(text, { run_immediately: true, audio_response: true }),
    setMic: (on) => client.enableMic(on),
    drawThere: () => client.sendClientMessage('render', 'server'),
    close,
  };
}

async function problemOf(error: unknown): Promise<Problem> {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Response ? problemOfError(cause) : { kind: 'failed' };
}

/** Pipecat's events in our words. */
function callbacks(to: Listener): RTVIEventCallbacks {
  const stream = new MediaStream();
  return {
    onTrackStarted: (track, participant) => {
      if (participant?.local || stream.getTracks().includes(track)) return;
      stream.getTracks().forEach((t) => t.kind === track.kind && stream.removeTrack(t));
      stream.addTrack(track);
      to.stream(stream);
    },
    onUserStartedSpeaking: () => to.event({ type: 'user-started' }),
    onUserStoppedSpeaking: () => to.event({ type: 'user-stopped', at: Date.now() }),
    onUserTranscript: (t: TranscriptData) =>
      to.event({ type: 'user-text', text: t.text, final: t.final, at: Date.now() }),
    onBotStartedSpeaking: () => to.event({ type: 'face-started', at: Date.now() }),
    onBotStoppedSpeaking: () => to.event({ type: 'face-stopped' }),
    onBotTtsText: (t: BotTTSTextData) =>
      to.event({ type: 'face-words', text: t.text, at: Date.now() }),
    onServerMessage: (message: ServerMessage) => onServerMessage(message, to),
    // A server that ends on purpose says why just before; this is for those that do not.
    onBotDisconnected: () => to.ended('hangup'),
    onDisconnected: to.lost,
  };
}

function onServerMessage(message: ServerMessage, to: Listener): void {
  if (message.type === 'latency' && typeof message.total === 'number') {
    to.event({ type: 'latency', seconds: message.total });
  } else if (message.type === 'notice' && typeof message.text === 'string') {
    to.event({ type: 'notice', text: message.text });
  } else if (message.type === 'ended') {
    to.ended(message.reason === 'drain' ? 'drain' : 'hangup');
  }
}

/**
 * Watch the statistics: tell the quality, and notice when nothing arrives any more. The face sends
 * pictures all the time, so silence on the wire is a broken connection; the browser itself would
 * take several times as long to say so.
 */
function watch(
  pc: RTCPeerConnection,
  event: (event: CallEvent) => void,
  lost: () => void,
): () => void {
  let before: Sample | null = null;
  let looks = 0;
  let silent = 0;
  let verdictFrom: Sample | null = null;

  const look = async (): Promise<void> => {
    const now = sample(await pc.getStats());
    silent = before && now.bytesReceived <= before.bytesReceived ? silent + 1 : 0;
    before = now;
    verdictFrom ??= now;
    if (++looks % LOOKS_PER_VERDICT === 0) {
      const quality = silent >= 2 ? 'poor' : judgeQuality(now.rtt, lossBetween(verdictFrom, now));
      event({ type: 'quality', quality });
      verdictFrom = now;
    }
    if (silent >= LOOKS_UNTIL_LOST) lost();
    else if (silent === LOOKS_UNTIL_DOUBT && !(await answers())) lost();
  };
  const onFailed = (): void => {
    if (pc.iceConnectionState === 'failed') lost();
  };
  pc.addEventListener('iceconnectionstatechange', onFailed);
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_INTERVAL);
  return () => {
    clearInterval(timer);
    pc.removeEventListener('iceconnectionstatechange', onFailed);
  };
}

/** Whether the server still answers at all. */
async function answers(): Promise<boolean> {
  try {
    await fetch('/api/status', { signal: AbortSignal.timeout(2000), cache: 'no-store' });
    return true;
  } catch {
    return false;
  }
}
