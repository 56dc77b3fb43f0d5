import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { meter } from '../devices/meter';

/** Moves the focus to the heading of a screen that has just appeared. */
export function useHeadingFocus(): RefObject<HTMLHeadingElement | null> {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return heading;
}

/** Writes a microphone's loudness, 0..1, into the CSS variable `--level` of an element. */
export function useLevel<E extends HTMLElement>(
  track: MediaStreamTrack | null,
  onLevel?: (level: number) => void,
): RefObject<E | null> {
  const element = useRef<E>(null);
  const latest = useRef(onLevel);
  latest.current = onLevel;
  useEffect(() => {
    if (!track) return;
    const stop = meter(track, (level) => {
      element.current?.style.setProperty('--level', level.toFixed(2));
      latest.current?.(level);
    });
    return () => {
      stop();
      element.current?.style.removeProperty('--level');
    };
  }, [track]);
  return element;
}

/** The time in milliseconds since the epoch, every so often. */
export function useNow(interval: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), interval);
    return () => clearInterval(timer);
  }, [interval]);
  return now;
}

/** Single keys, as long as nobody is typing. Escape always works. */
export function useShortcuts(keys: Record<string, () => void>, enabled: boolean): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const onKey = (e: KeyboardEvent): void => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.repeat) return;
      if (e.key !== 'Escape') {
        const at = e.target instanceof HTMLElement ? e.target : null;
        if (!enabled || at?.closest('input, textarea, select')) return;
      }
      const action = latest.current[e.key.toLowerCase()];
      if (!action) return;
      e.preventDefault();
      action();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [enabled]);
}

/** A yes-or-no that is remembered on this machine. */
export function useRemembered(key: string, initial: boolean): [boolean, (on: boolean) => void] {
  const name = `visavis-${key}`;
  const [on, setOn] = useState(() => recall(name, initial));
  return [
    on,
    (value) => {
      setOn(value);
      try {
        localStorage.setItem(name, String(value));
      } catch {
        // Storage may be forbidden; then it holds for this visit only.
      }
    },
  ];
}

function recall(name: string, otherwise: boolean): boolean {
  try {
    const value = localStorage.getItem(name);
    return value === null ? otherwise : value === 'true';
  } catch {
    return otherwise;
  }
}
