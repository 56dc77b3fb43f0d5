import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { strings } from '../strings';
import { ThemeIcon } from './icons';

const KEY = 'visavis-theme';
type Theme = 'light' | 'dark';

/** What the person chose; null follows the system. */
const chosen = signal<Theme | null>(null);
const system = signal<Theme>('light');

/** Put the chosen colours, or the system's, into force. */
export function applyTheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  system.value = dark.matches ? 'dark' : 'light';
  dark.addEventListener('change', () => (system.value = dark.matches ? 'dark' : 'light'));
  try {
    const value = localStorage.getItem(KEY);
    if (value === 'light' || value === 'dark') choose(value);
  } catch {
    // Storage may be forbidden; the system's colours are right then.
  }
}

function choose(theme: Theme): void {
  chosen.value = theme;
  document.documentElement.dataset['theme'] = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Then it holds for this visit only.
  }
}

const other = (): Theme => ((chosen.value ?? system.value) === 'dark' ? 'light' : 'dark');

export function ThemeButton(): JSX.Element {
  const next = other();
  return (
    <button
      type="button"
      class="icon quiet"
      aria-label={strings.theme[next]}
      title={strings.theme[next]}
      onClick={() => choose(next)}
    >
      <ThemeIcon />
    </button>
  );
}

/** The same in words, for a menu. */
export function ThemeSwitch(): JSX.Element {
  const next = other();
  return (
    <button type="button" class="small" onClick={() => choose(next)}>
      <ThemeIcon /> {strings.theme[next]}
    </button>
  );
}
