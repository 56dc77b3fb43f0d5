/** The running call: Pipecat's client, wired to the state machine. */

import { PipecatClient, type BotTTSTextData, type TranscriptData } from '@pipecat-ai/client-js';
import { SmallWebRTCTransport } from '@pipecat-ai/small-webrtc-transport';
import { signal } from '@preact/signals';
import { getStatus } from '../api';
import { LocalMedia } from '../devices/local-media';
import { initial, judgeQuality, reduce, type CallEvent, type CallState, type Problem } from './state';

/** Milliseconds between the attempts to come back after a lost connection. */
const RECONNECT_PAUSES = [500, 1500, 3000, 5000, 8000, 10000];
const STATS_INTERVAL = 2000;
/** Milliseconds a connection may take to stand. */
const CONNECT_TIMEOUT = 20000;

interface ServerMessage {
  type?: string;
  total?: number;
  text?: string;
  reason?: 'drain' | 'hangup';
}

export const call = signal<CallState>(initial);
/** Picture and sound of the face, in one stream so that the browser keeps them in step. */
export const faceStream = signal<MediaStream | null>(null);
export const micOn = signal(true);
export const media = new LocalMedia();

let client: PipecatClient | null = null;
let statsTimer: ReturnType<typeof setInterval> | null = null;
let lostPackets = { lost: 0, received: 0 };

const send = (event: CallEvent): void => {
  call.value = reduce(call.value, event);
};

/** Start the conversation. */
export async function join(): Promise<void> {
  send({ type: 'join', at: Date.now() });
  const problem = await cannotJoin();
  if (problem) {
    send({ type: 'problem', problem });
    return;
  }
  if (!(await connect())) {
    await close();
    send({ type: 'problem', problem: (await cannotJoin()) ?? 'failed' });
  }
}

/** End it. */
export async function hangUp(): Promise<void> {
  send({ type: 'ended', reason: 'you', at: Date.now() });
  await close();
  media.stopAll();
}

/** Say something in writing. */
export function sendText(text: string): void {
  const trimmed = text.trim();
  if (!trimmed || !client) return;
  send({ type: 'user-text', text: trimmed, final: true, at: Date.now() });
  void client.sendText(trimmed, { run_immediately: true, audio_response: true });
}

export function setMic(on: boolean): void {
  micOn.value = on;
  if (client) client.enableMic(on);
  else media.enableMic(on);
}

/** Free the seat at once; for a tab that goes away. */
export function leave(): void {
  void client?.disconnect();
}

export function back(): void {
  send({ type: 'back' });
}

/** Why a conversation cannot begin now, if so. */
async function cannotJoin(): Promise<Problem | null> {
  try {
    const status = await getStatus();
    if (!status.ready) return 'starting';
    return status.sessions >= status.max_sessions ? 'full' : null;
  } catch {
    return 'gone';
  }
}

async function connect(): Promise<boolean> {
  // The transport takes any object with a media manager's methods.
  const transport = new SmallWebRTCTransport({ mediaManager: media as never });
  const made = new PipecatClient({ transport, enableMic: micOn.value, enableCam: false, callbacks: callbacks() });
  client = made;
  media.onMicChanged = (track) => {
    const sender = peer(transport)?.getSenders()[0];
    if (sender) void sender.replaceTrack(track);
  };
  try {
    const ready = made.connect({ webrtcRequestParams: { endpoint: new URL('/api/offer', location.href) } });
    await Promise.race([ready, timeout(CONNECT_TIMEOUT)]);
  } catch {
    return false;
  }
  if (client !== made) return false; // hung up meanwhile
  made.enableMic(micOn.value);
  send({ type: 'connected', at: Date.now() });
  watchQuality(transport);
  return true;
}

function callbacks(): object {
  const stream = new MediaStream();
  return {
    onTrackStarted: (track: MediaStreamTrack, participant?: { local: boolean }) => {
      if (participant?.local) return;
      stream.getTracks().filter((t) => t.kind === track.kind).forEach((t) => stream.removeTrack(t));
      stream.addTrack(track);
      faceStream.value = stream;
    },
    onUserStartedSpeaking: () => send({ type: 'user-started' }),
    onUserStoppedSpeaking: () => send({ type: 'user-stopped' }),
    onUserTranscript: (t: TranscriptData) => send({ type: 'user-text', text: t.text, final: t.final, at: Date.now() }),
    onBotStartedSpeaking: () => send({ type: 'face-started' }),
    onBotStoppedSpeaking: () => send({ type: 'face-stopped' }),
    onBotTtsText: (t: BotTTSTextData) => send({ type: 'face-words', text: t.text, at: Date.now() }),
    onServerMessage: onServerMessage,
    onBotDisconnected: () => void onLost(),
    onDisconnected: () => void onLost(),
  };
}

function onServerMessage(message: ServerMessage): void {
  if (message.type === 'latency' && typeof message.total === 'number') {
    send({ type: 'latency', seconds: message.total });
  } else if (message.type === 'notice') {
    send({ type: 'notice', text: message.text ?? null });
  } else if (message.type === 'ended') {
    send({ type: 'ended', reason: message.reason ?? 'hangup', at: Date.now() });
    void close();
  }
}

/** The connection broke without a good-bye: come back if it can be done. */
async function onLost(): Promise<void> {
  if (call.value.phase !== 'connected') return;
  send({ type: 'lost' });
  await close();
  for (const pause of RECONNECT_PAUSES) {
    await new Promise((done) => setTimeout(done, pause));
    if (!reconnecting()) return; // hung up meanwhile
    if ((await cannotJoin()) === null && (await connect())) return;
    await close();
  }
  send({ type: 'ended', reason: 'lost', at: Date.now() });
  media.stopAll();
}

/** Asked anew after every wait: the state goes on meanwhile. */
const reconnecting = (): boolean => call.value.phase === 'reconnecting';

async function close(): Promise<void> {
  if (statsTimer) clearInterval(statsTimer);
  statsTimer = null;
  const old = client;
  client = null;
  faceStream.value = null;
  try {
    await old?.disconnect();
  } catch {
    // It was gone already.
  }
  // Closing the peer connection stops the track it was sending; get a fresh one when needed.
  if (media.micTrack?.readyState === 'ended' && reconnecting()) {
    await media.startMic(media.chosen.mic).catch(() => undefined);
  }
}

const timeout = (ms: number): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(new Error('timeout')), ms));

/** The transport keeps its peer connection to itself; statistics and track changes need it. */
function peer(transport: SmallWebRTCTransport): RTCPeerConnection | null {
  return (transport as unknown as { pc: RTCPeerConnection | null }).pc;
}

function watchQuality(transport: SmallWebRTCTransport): void {
  lostPackets = { lost: 0, received: 0 };
  statsTimer = setInterval(() => {
    const pc = peer(transport);
    if (pc) void measure(pc);
  }, STATS_INTERVAL);
}

async function measure(pc: RTCPeerConnection): Promise<void> {
  let rtt: number | null = null;
  let lost = 0;
  let received = 0;
  (await pc.getStats()).forEach((s) => {
    if (s.type === 'candidate-pair' && s.nominated && typeof s.currentRoundTripTime === 'number') {
      rtt = s.currentRoundTripTime * 1000;
    } else if (s.type === 'inbound-rtp') {
      lost += s.packetsLost ?? 0;
      received += s.packetsReceived ?? 0;
    }
  });
  const newLost = lost - lostPackets.lost;
  const total = newLost + received - lostPackets.received;
  lostPackets = { lost, received };
  send({ type: 'quality', quality: judgeQuality(rtt, total > 0 ? newLost / total : null) });
}
