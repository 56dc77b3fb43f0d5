import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { strings } from '../strings';
import { ThemeIcon } from './icons';

const KEY = 'visavis-theme';
type Theme = 'light' | 'dark';

const systemTheme = (): Theme => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : null;
  } catch {
    return null; // storage may be forbidden
  }
}

/** Put the chosen colours, if any, into force. */
export function applyTheme(): void {
  const theme = stored();
  if (theme) document.documentElement.dataset['theme'] = theme;
}

export function ThemeButton(): JSX.Element {
  const [theme, setTheme] = useState<Theme>(stored() ?? systemTheme());
  const other: Theme = theme === 'dark' ? 'light' : 'dark';
  return (
    <button
      type="button"
      class="icon quiet"
      aria-label={strings.theme[other]}
      title={strings.theme[other]}
      onClick={() => {
        try {
          localStorage.setItem(KEY, other);
        } catch {
          // Then it holds for this visit only.
        }
        document.documentElement.dataset['theme'] = other;
        setTheme(other);
      }}
    >
      <ThemeIcon />
    </button>
  );
}
