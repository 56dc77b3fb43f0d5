/** The call as a state machine: events in, the next state out, nothing else. */

import { faceSaid, note, settle, userSaid, userTyped, type Line } from './transcript';

export type Phase = 'prejoin' | 'connecting' | 'connected' | 'reconnecting' | 'ended' | 'error';
export type FaceMode = 'listening' | 'thinking' | 'speaking';
export type EndReason = 'you' | 'drain' | 'hangup' | 'lost';
export type Quality = 'good' | 'fair' | 'poor' | 'unknown';

/** Why a conversation cannot begin. */
export interface Problem {
  kind: 'full' | 'starting' | 'stopping' | 'gone' | 'offline' | 'refused' | 'failed' | 'unsupported';
  /** The server's own words, if it gave any. */
  detail?: string;
  /** Seconds after which the server wants to be asked again. */
  retryAfter?: number;
}

export interface CallState {
  phase: Phase;
  mode: FaceMode;
  lines: Line[];
  /** Seconds from the end of the user's speech to the first sound of the last reply. */
  latency: number | null;
  /** Until the server says what the user heard, the page's own measure stands in. */
  latencyBy: 'server' | 'page' | null;
  /** When the user's last turn ended, while its reply is awaited; milliseconds since the epoch. */
  waitingSince: number | null;
  notice: string | null;
  problem: Problem | null;
  endReason: EndReason | null;
  startedAt: number | null;
  endedAt: number | null;
  quality: Quality;
  /** Attempts to come back after a lost connection: how many, and when the next one is due. */
  attempt: number;
  nextAttemptAt: number | null;
}

export type CallEvent =
  | { type: 'join'; at: number }
  | { type: 'connected'; at: number; note?: string }
  | { type: 'lost' }
  | { type: 'retry'; attempt: number; at: number | null }
  | { type: 'ended'; reason: EndReason; at: number }
  | { type: 'problem'; problem: Problem }
  | { type: 'back' }
  | { type: 'user-started' }
  | { type: 'user-stopped'; at: number }
  | { type: 'user-text'; text: string; final: boolean; at: number }
  | { type: 'user-typed'; text: string; at: number }
  | { type: 'face-started'; at: number }
  | { type: 'face-stopped' }
  | { type: 'face-words'; text: string; at: number }
  | { type: 'no-reply' }
  | { type: 'latency'; seconds: number }
  | { type: 'notice'; text: string | null }
  | { type: 'quality'; quality: Quality };

export const initial: CallState = {
  phase: 'prejoin',
  mode: 'listening',
  lines: [],
  latency: null,
  latencyBy: null,
  waitingSince: null,
  notice: null,
  problem: null,
  endReason: null,
  startedAt: null,
  endedAt: null,
  quality: 'unknown',
  attempt: 0,
  nextAttemptAt: null,
};

/** Whether a conversation runs or is being brought back. */
export const isLive = (s: CallState): boolean =>
  s.phase === 'connecting' || s.phase === 'connected' || s.phase === 'reconnecting';

export function reduce(s: CallState, e: CallEvent): CallState {
  switch (e.type) {
    case 'join':
      return isLive(s) ? s : { ...initial, phase: 'connecting' };
    case 'back':
      return isLive(s) ? s : initial;
    case 'connected':
      return connected(s, e.at, e.note);
    case 'lost':
      return s.phase === 'connected' ? lost(s) : s;
    case 'retry':
      return s.phase === 'reconnecting'
        ? { ...s, attempt: e.attempt, nextAttemptAt: e.at }
        : s;
    case 'ended':
      return isLive(s) ? ended(s, e.reason, e.at) : s;
    case 'problem':
      return s.phase === 'connecting' || s.phase === 'error'
        ? { ...s, phase: 'error', problem: e.problem }
        : s;
    default:
      return s.phase === 'connected' ? during(s, e) : s;
  }
}

type DuringEvent = Exclude<
  CallEvent,
  { type: 'join' | 'back' | 'connected' | 'lost' | 'retry' | 'ended' | 'problem' }
>;

/** What happens inside a running conversation. */
function during(s: CallState, e: DuringEvent): CallState {
  switch (e.type) {
    case 'user-started': {
      const lines = settle(settle(s.lines, 'face', true), 'user');
      return { ...s, mode: 'listening', waitingSince: null, lines };
    }
    case 'user-stopped':
      return { ...s, mode: 'thinking', waitingSince: e.at };
    case 'user-text':
      return { ...s, lines: userSaid(s.lines, e.text, e.final, e.at) };
    case 'user-typed':
      return {
        ...s,
        mode: 'thinking',
        waitingSince: e.at,
        lines: userTyped(settle(s.lines, 'face', true), e.text, e.at),
      };
    case 'face-started': {
      const measured =
        s.waitingSince === null
          ? {}
          : { latency: (e.at - s.waitingSince) / 1000, latencyBy: 'page' as const };
      return { ...s, ...measured, mode: 'speaking', waitingSince: null, notice: null };
    }
    case 'face-stopped':
      // After an interruption this comes late, when the user already holds the floor.
      return {
        ...s,
        mode: s.mode === 'speaking' ? 'listening' : s.mode,
        lines: settle(s.lines, 'face'),
      };
    case 'face-words':
      return { ...s, lines: faceSaid(s.lines, e.text, e.at) };
    case 'no-reply':
      return s.mode === 'thinking' ? { ...s, mode: 'listening', waitingSince: null } : s;
    case 'latency':
      return { ...s, latency: e.seconds, latencyBy: 'server' };
    case 'notice':
      return { ...s, notice: e.text };
    case 'quality':
      return { ...s, quality: e.quality };
  }
}

function connected(s: CallState, at: number, remark?: string): CallState {
  if (s.phase !== 'connecting' && s.phase !== 'reconnecting') return s;
  return {
    ...s,
    phase: 'connected',
    mode: 'listening',
    startedAt: s.startedAt ?? at,
    problem: null,
    attempt: 0,
    nextAttemptAt: null,
    lines: remark === undefined ? s.lines : note(s.lines, remark, at),
  };
}

function lost(s: CallState): CallState {
  const lines = settle(settle(s.lines, 'user'), 'face', true);
  return {
    ...s,
    phase: 'reconnecting',
    mode: 'listening',
    waitingSince: null,
    notice: null,
    quality: 'unknown',
    lines,
  };
}

function ended(s: CallState, reason: EndReason, at: number): CallState {
  const lines = settle(settle(s.lines, 'user'), 'face', true);
  return { ...s, phase: 'ended', endReason: reason, endedAt: at, lines, notice: null };
}
