import type { JSX } from 'preact';
import type { LocalMedia } from '../devices/local-media';
import { strings } from '../strings';
import { DevicePickers } from './devices';
import { ThemeSwitch } from './theme';

const text = strings.call;

interface Props {
  media: LocalMedia;
  shortcuts: boolean;
  onShortcuts: (on: boolean) => void;
}

export function Settings({ media, shortcuts, onShortcuts }: Props): JSX.Element {
  return (
    <>
      <DevicePickers media={media} />
      <ThemeSwitch />
      <section class="keyboard">
        <h3>{text.shortcuts}</h3>
        <label class="check">
          <input
            type="checkbox"
            checked={shortcuts}
            onChange={(e) => onShortcuts(e.currentTarget.checked)}
          />
          {text.useShortcuts}
        </label>
        <dl class={`keys ${shortcuts ? '' : 'disabled'}`}>
          {text.keys.map(([key, what]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </section>
      <p class="hint">{strings.aiLong}</p>
    </>
  );
}
