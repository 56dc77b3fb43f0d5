/** The call as a state machine: events in, the next state out, nothing else. */

import { faceSaid, settle, userSaid, type Line } from './transcript';

export type Phase = 'prejoin' | 'connecting' | 'connected' | 'reconnecting' | 'ended' | 'error';
export type FaceMode = 'listening' | 'thinking' | 'speaking';
export type Problem = 'full' | 'starting' | 'gone' | 'failed';
export type EndReason = 'you' | 'drain' | 'hangup' | 'lost';
export type Quality = 'good' | 'fair' | 'poor' | 'unknown';

export interface CallState {
  phase: Phase;
  mode: FaceMode;
  lines: Line[];
  /** Seconds of the last reply, as the server measured it. */
  latency: number | null;
  notice: string | null;
  problem: Problem | null;
  endReason: EndReason | null;
  startedAt: number | null;
  endedAt: number | null;
  quality: Quality;
}

export type CallEvent =
  | { type: 'join'; at: number }
  | { type: 'connected'; at: number }
  | { type: 'lost' }
  | { type: 'ended'; reason: EndReason; at: number }
  | { type: 'problem'; problem: Problem }
  | { type: 'back' }
  | { type: 'user-started' }
  | { type: 'user-stopped' }
  | { type: 'user-text'; text: string; final: boolean; at: number }
  | { type: 'face-started' }
  | { type: 'face-stopped' }
  | { type: 'face-words'; text: string; at: number }
  | { type: 'latency'; seconds: number }
  | { type: 'notice'; text: string | null }
  | { type: 'quality'; quality: Quality };

export const initial: CallState = {
  phase: 'prejoin',
  mode: 'listening',
  lines: [],
  latency: null,
  notice: null,
  problem: null,
  endReason: null,
  startedAt: null,
  endedAt: null,
  quality: 'unknown',
};

const live = (s: CallState): boolean => s.phase === 'connected' || s.phase === 'reconnecting';

export function reduce(s: CallState, e: CallEvent): CallState {
  switch (e.type) {
    case 'join':
      return { ...initial, phase: 'connecting' };
    case 'connected':
      if (s.phase !== 'connecting' && s.phase !== 'reconnecting') return s;
      return { ...s, phase: 'connected', startedAt: s.startedAt ?? e.at, problem: null };
    case 'lost':
      return s.phase === 'connected' ? { ...s, phase: 'reconnecting', mode: 'listening' } : s;
    case 'ended': {
      if (!live(s) && s.phase !== 'connecting') return s;
      const lines = settle(settle(s.lines, 'user'), 'face');
      return { ...s, phase: 'ended', endReason: e.reason, endedAt: e.at, lines, notice: null };
    }
    case 'problem':
      return s.phase === 'ended' ? s : { ...s, phase: 'error', problem: e.problem };
    case 'back':
      return initial;
    case 'user-started':
      return { ...s, mode: 'listening', lines: settle(s.lines, 'face') };
    case 'user-stopped':
      return { ...s, mode: 'thinking' };
    case 'user-text':
      return { ...s, lines: userSaid(s.lines, e.text, e.final, e.at) };
    case 'face-started':
      return { ...s, mode: 'speaking', notice: null };
    case 'face-stopped':
      return { ...s, mode: 'listening', lines: settle(s.lines, 'face') };
    case 'face-words':
      return { ...s, lines: faceSaid(s.lines, e.text, e.at) };
    case 'latency':
      return { ...s, latency: e.seconds };
    case 'notice':
      return { ...s, notice: e.text };
    case 'quality':
      return { ...s, quality: e.quality };
  }
}

/** How good a connection with this round trip (ms) and share of lost packets (0..1) feels. */
export function judgeQuality(rtt: number | null, loss: number | null): Quality {
  if (rtt === null && loss === null) return 'unknown';
  const r = rtt ?? 0;
  const l = loss ?? 0;
  if (r < 150 && l < 0.02) return 'good';
  if (r < 400 && l < 0.08) return 'fair';
  return 'poor';
}
