/** Short remarks for screen readers, read out politely; for what a key did, not for the talk. */
import { signal } from '@preact/signals';

export const announcement = signal('');

export function announce(text: string): void {
  // The same words twice are two announcements: a trailing space makes them differ.
  announcement.value = announcement.value === text ? `${text} ` : text;
}
